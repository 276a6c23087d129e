"""Publishers that are killed, that work at the same time, and storage that answers late or not at all."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pyarrow.parquet as pq
import pytest

from ganaug import storage
from ganaug.errors import OutputError
from ganaug.releases import Releases, pointer
from tests.releases import processes
from tests.releases.sets import data_set


@pytest.fixture(params=["local", "s3"])
def place(request, tmp_path):
    return f"{request.getfixturevalue('s3_bucket')}/published" if request.param == "s3" else str(tmp_path / "published")


def start(*arguments):
    command = [sys.executable, processes.__file__, *map(str, arguments)]
    root = str(Path(__file__).parents[2])
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=root)


def lines(process):
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out.splitlines()


@pytest.mark.slow
def test_killed_at_any_operation_the_former_or_the_new_version_is_read_and_a_rerun_ends_well(place, tmp_path):
    rows = {}
    for seed, name in enumerate(["old", "new"]):
        data_set(tmp_path / name, seed)
        rows[name] = pq.read_table(tmp_path / name / "data")
    ends = [line.split() for line in lines(start("killed", place, tmp_path / "old", tmp_path / "new"))]
    assert [code for _, code in ends] == ["-9"] * (len(ends) - 1) + ["0"]
    assert len(ends) > 12, "as many operations at least were cut"
    seen = []
    for number, _ in ends:
        store = Releases(f"{place}/{number}")
        seen.append(version := store.latest().version)
        assert store.read().equals(rows[version]), number
        assert {release.version for release in store.versions()} in ({"old"}, {"old", "new"})
        for release in store.versions():
            assert store.read(release.version).equals(rows[release.version]), number
        assert store.publish(tmp_path / "new", version="new") == store.latest()
        assert store.read().equals(rows["new"])
        assert store.rollback().version == "old"
    assert seen == sorted(seen, reverse=True) and set(seen) == {"old", "new"}, "old up to a moment, then new"


def test_publishers_at_the_same_time_tear_nothing_and_lose_nothing(place, tmp_path):
    folders = [data_set(tmp_path / f"set{seed}", seed) for seed in range(3)]
    rows = [pq.read_table(folder / "data") for folder in folders]
    store, stop, reads = Releases(place), threading.Event(), []

    def read():
        while not stop.is_set():
            release = store.latest()
            if release is not None:
                assert store.read(release.version).equals(rows[int(release.version[-1])])
                reads.append(release.version)

    with ThreadPoolExecutor() as pool:
        reader = pool.submit(read)
        try:
            for publisher in [start("many", place, name, *folders) for name in "wxyz"]:
                lines(publisher)
        finally:
            stop.set()
        reader.result()
    published = {f"{name}-{number}" for name in "wxyz" for number in range(3)}
    at = pointer.read(place)
    assert {release.version for release in store.versions()} == published
    assert {at.version, *at.before} == published, "each was the latest once: no move was lost"
    assert len(at.before) == 11 and len(reads) > 5


def test_threads_that_publish_the_same_write_it_once(place, tmp_path):
    folder = data_set(tmp_path / "set", 0)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: Releases(place).publish(folder, version="a"), range(4)))
    assert all(release == found[0] for release in found), "all get the record that is there"
    assert Releases(place).read().equals(pq.read_table(folder / "data"))
    assert pointer.read(place).before == ()


def test_another_mover_is_let_in_between_and_a_move_that_never_comes_through_ends(s3_bucket, tmp_path, monkeypatch):
    store = Releases(s3_bucket)
    for seed, version in enumerate("abc"):
        store.publish(data_set(tmp_path / version, seed), version=version)
    monkeypatch.setattr(pointer.time, "sleep", lambda _: None)
    calls = []

    def decide(at):
        calls.append(at.version)
        if len(calls) == 1:  # another is faster
            pointer.move(s3_bucket, lambda now: now.forward("a"))
        if len(calls) == 2:  # the pointer is removed meanwhile
            storage.delete(s3_bucket, files=["latest.json"])
            pointer.create(f"{s3_bucket}/latest.json", b'{"format": 1, "version": "c", "moved_at": "then"}')
        return at.forward("b")

    assert pointer.move(s3_bucket, decide).before == ("c",)
    assert calls == ["c", "a", "c"]

    def never(at):
        text = storage.read_bytes(url := f"{s3_bucket}/latest.json")
        storage.atomic_write(url, (text or b"") + b" ")
        return at.forward("c")

    with pytest.raises(OutputError, match=r"others moved .* each of 20 times"):
        pointer.move(s3_bucket, never)
    assert store.latest().version == "b"


def test_a_pointer_that_is_removed_while_it_is_moved(s3_bucket):
    pointer.move(s3_bucket, lambda at: pointer.Pointer(version="a", moved_at="now"))

    def decide(at):
        storage.delete(s3_bucket, files=["latest.json"])
        return pointer.Pointer(version="b", moved_at="now") if at is None else at.forward("b")

    assert pointer.move(s3_bucket, decide).before == ()


def test_a_put_whose_answer_was_lost_counts_as_done(s3_bucket, tmp_path, monkeypatch):
    from moto.s3.responses import S3Response

    store = Releases(s3_bucket)
    store.publish(data_set(tmp_path / "a", 0), version="a")
    put, answers = S3Response.put_object, []

    def lossy(self):
        answer = put(self)
        if "latest.json" in self.path or "release.json" in self.path:
            answers.append(self.path)
            if answers.count(self.path) == 1:
                return 500, {}, "<Error><Code>InternalError</Code></Error>"
        return answer

    monkeypatch.setattr(S3Response, "put_object", lossy)
    store.publish(data_set(tmp_path / "b", 1), version="b")
    assert len(answers) == 2 and len(set(answers)) == 2, "the second try raised PreconditionFailed"
    assert store.latest().version == "b" and pointer.read(s3_bucket).before == ("a",)


def test_storage_that_fails_for_a_moment_or_answers_late_is_waited_for(s3_bucket, tmp_path, monkeypatch):
    from moto.s3.responses import S3Response

    put, seen = S3Response.put_object, []

    def flaky(self):
        seen.append(self.path)
        if seen.count(self.path) == 1:
            return 503, {}, "<Error><Code>ServiceUnavailable</Code></Error>"
        return put(self)

    monkeypatch.setattr(S3Response, "put_object", flaky)
    folder = data_set(tmp_path / "a", 0)
    assert Releases(s3_bucket).publish(folder).rows == 20
    assert len(set(seen)) >= 6 and all(seen.count(path) >= 2 for path in seen)
    assert Releases(s3_bucket).read().equals(pq.read_table(folder / "data"))


def test_storage_without_conditions_is_refused(s3_bucket, tmp_path, monkeypatch):
    from moto.s3.responses import S3Response

    put = S3Response.put_object

    def old(self):
        if "If-None-Match" in self.headers:
            return 501, {}, "<Error><Code>NotImplemented</Code><Message>no</Message></Error>"
        return put(self)

    monkeypatch.setattr(S3Response, "put_object", old)
    with pytest.raises(OutputError, match=r"has no writes on a condition \(If-Match\)"):
        Releases(s3_bucket).publish(data_set(tmp_path / "a", 0))
    assert Releases(s3_bucket).versions() == []


def test_a_publish_that_fails_midway_leaves_the_former_version_and_nothing_of_its_own(tmp_path, monkeypatch):
    store = Releases(tmp_path / "p")
    store.publish(data_set(tmp_path / "a", 0), version="a")
    copy, calls = storage.shutil.copyfile, []

    def full(*args):
        calls.append(args)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        return copy(*args)

    monkeypatch.setattr(storage.shutil, "copyfile", full)
    with pytest.raises(OutputError, match="no space is left at"):
        store.publish(data_set(tmp_path / "b", 1), version="b")
    assert store.latest().version == "a"
    assert [path.name for path in (tmp_path / "p/versions").iterdir()] == ["a"]


def test_a_lock_that_is_held_for_long_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(pointer, "LOCK_SECONDS", 0.1)
    folder = data_set(tmp_path / "a", 0)
    with pointer.locked(str(tmp_path / "p")), ThreadPoolExecutor(1) as pool:
        publishing = pool.submit(Releases(tmp_path / "p").publish, folder)
        with pytest.raises(OutputError, match="another process works on"):
            publishing.result()


def test_a_first_listing_is_not_remembered(s3_bucket, tmp_path):
    store = Releases(s3_bucket)
    assert store.versions() == []
    fsspec.filesystem("s3").ls(s3_bucket)
    store.publish(data_set(tmp_path / "a", 0))
    assert len(Releases(s3_bucket).versions()) == 1
