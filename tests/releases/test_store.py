from __future__ import annotations

import json
import os
import shutil
import time
from datetime import UTC, datetime, timedelta

import fsspec
import pandas as pd
import pyarrow.parquet as pq
import pytest

from ganaug import parquet, storage
from ganaug.errors import ArtefactError, ConfigError, DataWarning, OutputError
from ganaug.releases import Releases, expiry, pointer, release
from ganaug.releases.release import CLAIM, RELEASE
from tests.releases.sets import data_set

NO_GRACE = timedelta(0)


@pytest.fixture(params=["local", "memory", "s3"])
def place(request, tmp_path):
    """A place for a store, on each kind of file system."""
    if request.param == "s3":
        yield f"{request.getfixturevalue('s3_bucket')}/published"
    elif request.param == "memory":
        memory = fsspec.filesystem("memory")
        yield "memory://release-tests/published"
        memory.rm("/release-tests", recursive=True)
    else:
        yield str(tmp_path / "published")


@pytest.fixture
def sets(tmp_path):
    """Five data sets."""
    return [data_set(tmp_path / f"set{seed}", seed) for seed in range(5)]


def names(store):
    return [release.version for release in store.versions()]


def latest(store):
    found = store.latest()
    return None if found is None else found.version


def test_names_are_those_of_the_writer():
    assert (release.DATA, release.MANIFEST) == (parquet.DATA, parquet.MANIFEST)


def test_published_listed_read(place, sets, tmp_path):
    store = Releases(place)
    assert store.versions() == [] and store.latest() is None
    (tmp_path / "sheets").mkdir()
    (tmp_path / "sheets" / "a.png").write_bytes(b"png")
    (tmp_path / "report.html").write_text("<p>")
    store.publish(sets[0], version="first")
    made = store.publish(
        sets[1],
        version="second",
        files={"report.html": tmp_path / "report.html", "contact-sheets": tmp_path / "sheets"},
        verdict="helps",
        sentence="It helps.",
        notes={"flow run": "abc"},
    )
    assert made == store.get("second") == store.latest() == store.versions()[0]
    assert (made.rows, made.seed, made.data_fingerprint, made.verdict) == (20, 1, "print1", "helps")
    assert made.notes == {"flow run": "abc"} and made.provenance["variant"] == "anchored"
    assert abs(datetime.fromisoformat(made.published_at) - datetime.now(UTC)) < timedelta(minutes=1)
    assert [f["name"] for f in made.files] == [
        "contact-sheets/a.png",
        "data/part-00000.parquet",
        "data/part-00001.parquet",
        "data/part-00002.parquet",
        "manifest.json",
        "report.html",
    ]
    assert names(store) == ["second", "first"]
    assert store.read().equals(pq.read_table(sets[1] / "data")) and store.read("first")["x"] != store.read()["x"]
    assert set(storage.files_below(f"{place}/versions/second")) - {CLAIM} == {f["name"] for f in made.files} | {RELEASE}
    at = json.loads(storage.read_bytes(f"{place}/latest.json"))
    assert (at["version"], at["previous"], at["format"]) == ("second", "first", 1) and at["moved_at"]


def test_the_path_is_one_that_pandas_and_datasets_read(place, sets):
    datasets = pytest.importorskip("datasets")
    store = Releases(place)
    store.publish(sets[0])
    assert len(pd.read_parquet(store.path())) == 20
    if not place.startswith("memory"):
        rows = datasets.load_dataset("parquet", data_files=f"{store.path()}/*.parquet", split="train", streaming=True)
        assert sum(1 for _ in rows) == 20


def test_the_same_again_writes_nothing_and_keeps_the_record(place, sets):
    store = Releases(place)
    first = store.publish(sets[0], verdict="helps")
    before = {name: storage.read_bytes(f"{place}/{name}") for name in storage.files_below(place)}
    assert store.publish(sets[0], verdict="harms") == first
    assert {name: storage.read_bytes(f"{place}/{name}") for name in storage.files_below(place)} == before


def test_the_default_name_stands_for_the_content(place, sets, tmp_path):
    store = Releases(place)
    (tmp_path / "report.html").write_text("<p>")
    one, two = store.publish(sets[0]), store.publish(sets[1])
    three = store.publish(sets[1], files={"report.html": tmp_path / "report.html"})
    assert len({one.version, two.version, three.version}) == 3
    shutil.copytree(sets[0], tmp_path / "copy")
    assert store.publish(tmp_path / "copy") == one


def test_other_content_under_a_name_is_refused_and_the_old_one_stays(place, sets):
    store = Releases(place)
    store.publish(sets[0], version="a")
    with pytest.raises(OutputError, match=r"'a' is published at .* with other content; give another name"):
        store.publish(sets[1], version="a")
    assert store.read("a").equals(pq.read_table(sets[0] / "data"))


def test_a_version_may_be_kept_from_being_the_latest(place, sets):
    store = Releases(place)
    store.publish(sets[0], version="a")
    store.publish(sets[1], version="b", latest=False)
    assert latest(store) == "a" and names(store) == ["b", "a"]
    store.point("b")
    assert latest(store) == "b"


@pytest.mark.parametrize(
    "name", ["", "..", "a/b", "a..b", ".a", "a.", "latest", "Latest", "a b", "ä", "a" * 101, "a\n"]
)
def test_names_that_are_not_safe_are_refused(tmp_path, sets, name):
    with pytest.raises(ConfigError, match="a version is named with"):
        Releases(tmp_path / "p").publish(sets[0], version=name)
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("name", ["../x", "/x", "a//b", "", "a\\b", "./a"])
def test_files_that_would_leave_the_version_are_refused(tmp_path, sets, name):
    with pytest.raises(ConfigError, match=r"relative path without '\.\.'"):
        Releases(tmp_path / "p").publish(sets[0], files={name: sets[0] / "manifest.json"})


@pytest.mark.parametrize("name", ["manifest.json", "release.json", "data/more.parquet", "data"])
def test_files_of_the_set_itself_cannot_be_replaced(tmp_path, sets, name):
    with pytest.raises(OutputError, match="the data set's own"):
        Releases(tmp_path / "p").publish(sets[0], files={name: sets[1] / "manifest.json"})


def test_what_is_no_whole_data_set_is_refused(tmp_path, sets):
    store = Releases(tmp_path / "p")
    with pytest.raises(ArtefactError, match=r"holds no manifest\.json; give the folder of a data set"):
        store.publish(tmp_path)
    (sets[0] / "data/part-00001.parquet").unlink()
    with pytest.raises(ArtefactError, match=r"part-00001\.parquet' is missing, and the manifest names it"):
        store.publish(sets[0])
    (sets[1] / "data/part-00001.parquet").write_bytes(b"other")
    with pytest.raises(ArtefactError, match="is not what its manifest says"):
        store.publish(sets[1])
    (sets[2] / "manifest.json").write_text("{}")
    with pytest.raises(ArtefactError, match="cannot be read"):
        store.publish(sets[2])
    with pytest.raises(OutputError, match=r"report\.html', does not exist"):
        store.publish(sets[3], files={"report.html": tmp_path / "absent"})
    with pytest.raises(ConfigError, match="plain JSON"):
        store.publish(sets[3], notes={"a": {1, 2}})
    assert store.versions() == []


def test_a_link_out_of_the_data_set_is_not_published(tmp_path):
    folder = data_set(tmp_path / "a", 0)
    (folder / "data" / "part-00001.parquet").rename(tmp_path / "elsewhere.parquet")
    (folder / "data" / "part-00001.parquet").symlink_to(tmp_path / "elsewhere.parquet")
    with pytest.raises(ArtefactError, match="is a link that leads out of its folder; do not trust it"):
        Releases(tmp_path / "p").publish(folder)


# ------------------------------------------------------------------------------------- rolled back
def test_rolled_back_step_by_step_and_by_name(place, sets):
    store = Releases(place)
    for version, folder in zip("abcd", sets, strict=False):
        store.publish(folder, version=version)
    assert store.rollback().version == "c" == latest(store)
    assert store.rollback().version == "b" == latest(store), "not to and fro"
    assert store.rollback("d").version == "d" == latest(store)
    assert store.rollback("a").version == "a" == latest(store)
    with pytest.raises(ConfigError, match="no version before its latest; there are d, c, b, a"):
        Releases(place).rollback()
    with pytest.raises(ConfigError, match=r"no version 'x' is published at .*; there are d, c, b, a"):
        store.rollback("x")
    assert latest(store) == "a"


def test_what_was_rolled_back_from_is_not_gone_back_to(place, sets):
    store = Releases(place)
    store.publish(sets[0], version="good")
    store.publish(sets[1], version="bad")
    store.rollback()
    store.publish(sets[2], version="next")
    assert store.rollback().version == "good"


def test_what_was_rolled_back_from_is_not_brought_back_by_publishing_it_again(place, sets):
    store = Releases(place)
    store.publish(sets[0], version="good")
    store.publish(sets[1], version="bad")
    store.rollback()
    with pytest.warns(DataWarning, match="'bad' was rolled back from, so 'good' stays the latest"):
        store.publish(sets[1], version="bad")
    assert latest(store) == "good"
    store.rollback("bad")
    store.publish(sets[2], version="next")
    store.publish(sets[1], version="bad")
    assert latest(store) == "bad", "brought back by name"


# ---------------------------------------------------------------------------------------- expired
def test_old_versions_go_and_the_latest_and_the_one_before_stay(place, sets):
    store = Releases(place)
    for version, folder in zip("abcde", sets, strict=True):
        store.publish(folder, version=version)
    assert store.expire(keep=2) == [], "published less than an hour ago"
    store.rollback("c")
    assert store.expire(keep=1, grace=NO_GRACE) == ["d", "a"], "c is the latest, b was before it, e is the newest"
    assert names(store) == ["e", "c", "b"] and store.read().equals(pq.read_table(sets[2] / "data"))
    assert not any("/d/" in name for name in storage.files_below(place)), "nothing of it is left"
    assert store.expire(keep=1, grace=NO_GRACE) == []
    with pytest.raises(ConfigError, match="keep=0"):
        store.expire(keep=0)


def test_readers_of_a_version_that_was_just_replaced_may_finish(place, sets, monkeypatch):
    store = Releases(place)
    long_ago = (datetime.now(UTC) - timedelta(days=9)).isoformat()
    with monkeypatch.context() as patch:
        patch.setattr("ganaug.releases.store.utc_now", lambda: long_ago)
        for version, folder in zip("abcd", sets, strict=False):
            store.publish(folder, version=version)
    assert store.expire(keep=1) == [], "a, b and c were the latest a moment ago"
    assert store.expire(keep=1, grace=NO_GRACE) == ["b", "a"]


def test_what_killed_publishes_left_goes_after_a_day(place, sets):
    store = Releases(place)
    store.publish(sets[0], version="a")
    storage.upload(sets[1], f"{place}/versions/killed")
    if not storage.is_url(place):
        storage.upload(sets[1], f"{place}/versions/{storage.SCRATCH}1")
        storage.atomic_write(f"{place}/versions/{storage.SCRATCH}1/{RELEASE}", b"{}")  # killed before it got its name
    storage.atomic_write(f"{place}/versions/notes.txt", b"not ours")
    storage.atomic_write(f"{place}/versions/others/notes.txt", b"not ours")
    left = [name for name in storage.files_below(place) if "killed" in name]
    store.expire()
    assert [name for name in storage.files_below(place) if "killed" in name] == left, "it may be at work"
    expiry.sweep(store.place, datetime.now(UTC) + timedelta(seconds=1))
    assert {name.split("/")[1] for name in storage.files_below(place) if "/" in name} == {"a", "notes.txt", "others"}
    if not storage.is_url(place):
        assert sorted(os.listdir(f"{place}/versions")) == ["a", "notes.txt", "others"]
    assert names(store) == ["a"]


def test_a_day_is_measured_by_the_newest_file(tmp_path, sets):
    store = Releases(tmp_path)
    left = tmp_path / "versions" / "killed"
    shutil.copytree(sets[1], left)
    old = time.time() - 2 * 86400
    for path in (left, *left.rglob("*")):
        os.utime(path, (old, old))
    os.utime(left / "data/part-00002.parquet")
    store.expire()
    assert left.exists()
    os.utime(left / "data/part-00002.parquet", (old, old))
    store.expire()
    assert not left.exists()


# ------------------------------------------------------------------------------- damaged and foreign
@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b'{"version": "a"}', b'{"format": 1}', b'{"format": 1, "version": "../a", "moved_at": "x"}',
     b'{"format": 99, "version": "a", "moved_at": "x"}', b"\xff\xfe"],
)  # fmt: skip
def test_a_pointer_that_cannot_be_read_says_how_to_mend_it(place, sets, text):
    store = Releases(place)
    store.publish(sets[0], version="a")
    storage.atomic_write(f"{place}/latest.json", text)
    with pytest.raises(ArtefactError, match=r"latest\.json'.*`ganaug releases rollback PLACE --to VERSION`"):
        store.latest()
    with pytest.raises(ArtefactError, match=r"latest\.json'"):
        store.publish(sets[1], version="b")
    assert names(store) == ["b", "a"], "what was published is there, and nothing points to it"
    store.rollback("a")
    assert latest(store) == "a"


def test_a_pointer_to_nothing_says_so(place, sets):
    store = Releases(place)
    store.publish(sets[0], version="a")
    storage.delete(f"{place}/versions/a")
    for use in (store.latest, store.path, store.read):
        with pytest.raises(ArtefactError, match="points to the version 'a', which is not there"):
            use()
    with pytest.raises(ConfigError, match="nothing is published"):
        Releases(f"{place}/elsewhere").path()


@pytest.mark.parametrize("text", [b"{", b"[]", b'{"format": 1}', b'{"format": 9}', b'{"a": 1}'])
def test_a_record_that_cannot_be_read_is_no_version_and_says_why_when_asked_for(place, sets, text):
    store = Releases(place)
    store.publish(sets[0], version="a")
    store.publish(sets[1], version="b", latest=False)
    storage.atomic_write(f"{place}/versions/b/{RELEASE}", text)
    with pytest.warns(DataWarning, match=r"a version is left out: .*versions/b/release\.json"):
        assert names(store) == ["a"]
    with pytest.raises(ArtefactError, match=r"versions/b/release\.json'"):
        store.get("b")


def test_a_record_may_not_name_files_elsewhere(tmp_path, sets):
    store = Releases(tmp_path / "p")
    store.publish(sets[0], version="a")
    record = json.loads((tmp_path / "p/versions/a" / RELEASE).read_text())
    record["files"][0]["name"] = "data/../../../../secret.parquet"
    (tmp_path / "p/versions/a" / RELEASE).write_text(json.dumps(record))
    with pytest.raises(ArtefactError, match="not the record of a published set: a published file is named by"):
        store.read()


def test_rows_that_are_not_those_that_were_published_are_not_read(place, sets):
    store = Releases(place)
    store.publish(sets[0], version="a")
    storage.put_files({"part-00001.parquet": sets[1] / "data/part-00001.parquet"}, f"{place}/versions/a/data")
    with pytest.raises(ArtefactError, match=r"part-00001\.parquet' is not the file that was published \(SHA-256"):
        store.read()
    storage.delete(f"{place}/versions/a", files=["data/part-00001.parquet"])
    with pytest.raises(ArtefactError, match=r"part-00001\.parquet' is missing"):
        store.read()


# ---------------------------------------------------------------------------------------- the storage
def test_a_place_with_credentials_is_refused():
    with pytest.raises(ConfigError, match="carries credentials"):
        Releases("s3://KEY:SECRET@bucket/published")


def test_a_bucket_that_is_not_there(s3_bucket, sets):
    store = Releases(f"{s3_bucket}-absent/published")
    for use in (store.versions, store.latest, store.path, store.expire, lambda: store.publish(sets[0])):
        with pytest.raises(OutputError, match=r"bucket of .* does not exist; create it"):
            use()


def test_a_place_that_is_a_file(tmp_path, sets):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot be used: .*[Ff]ile|Not a directory"):
        Releases(tmp_path / "file").publish(sets[0])


def test_two_publishers_of_one_name_do_not_mix_their_files(s3_bucket, sets):
    store = Releases(s3_bucket)
    storage.atomic_write(f"{s3_bucket}/versions/a/{CLAIM}", b'{"content": "another"}')
    with pytest.raises(OutputError, match="another publish of the version 'a', with other content, is under way"):
        store.publish(sets[0], version="a")
    assert list(storage.files_below(f"{s3_bucket}/versions/a")) == [CLAIM]


def test_a_version_that_expires_while_it_is_rolled_back_to_stays_or_is_not_pointed_to(s3_bucket, sets, monkeypatch):
    store = Releases(s3_bucket)
    for version, folder in zip("abc", sets, strict=False):
        store.publish(folder, version=version)
    move = pointer.move

    def late(*args, **kwargs):  # it expires between the look and the move
        monkeypatch.setattr(pointer, "move", move)
        assert store.expire(keep=1, grace=NO_GRACE) == ["a"]
        return move(*args, **kwargs)

    monkeypatch.setattr(pointer, "move", late)
    with pytest.raises(OutputError, match="'a' was removed while"):
        store.rollback("a")
    assert latest(store) == "c" and pointer.read(s3_bucket).previous == "b"

    delete = storage.delete

    def rolled_back_to(url, *, files=None):  # it is rolled back to while its record is gone
        delete(url, files=files)
        if files == [RELEASE]:
            pointer.move(s3_bucket, lambda at: at.back("d"))

    store.publish(sets[3], version="d", latest=False)
    store.publish(sets[4], version="e")
    monkeypatch.setattr(storage, "delete", rolled_back_to)
    assert store.expire(keep=1, grace=NO_GRACE) == ["b"], "c was the latest before d"
    monkeypatch.setattr(storage, "delete", delete)
    assert latest(store) == "d" and store.read().num_rows == 20
