from __future__ import annotations

import errno
import os

import fsspec
import pytest

from ganaug import storage
from ganaug.errors import ConfigError, OutputError
from tests import s3


@pytest.fixture(params=["local", "file", "memory", "s3"])
def place(request, tmp_path):
    """A place to write to, on each kind of file system."""
    if request.param == "s3":
        yield f"{request.getfixturevalue('s3_bucket')}/store"
    elif request.param == "memory":
        memory = fsspec.filesystem("memory")
        yield "memory://storage-tests/store"
        memory.rm("/storage-tests", recursive=True)
    else:
        folder = tmp_path / "store"
        yield f"file://{folder}" if request.param == "file" else str(folder)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "from"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "part-0.parquet").write_bytes(b"rows" * 1000)
    (folder / "z.txt").write_text("z")
    (folder / "manifest.json").write_text("{}")
    (folder / f"{storage.SCRATCH}1").write_text("half")
    return folder


@pytest.mark.parametrize(
    "url",
    [
        "s3://KEY:SECRETSECRET@bucket/x",
        "s3://KEY:SECRET/SECRET+@bucket/x",  # AWS's secrets may hold a slash
        "s3://SECRET@bucket/x",
        "https://SECRET@example.org/x",
        "sftp://me:SECRET@host/x",
        "simplecache::s3://KEY:SECRET@bucket/x",
        "https://example.org/x?token=SECRET",
        "https://example.org/x?a=1&X-Amz-Signature=SECRET",
        "https://example.org/x?X-Amz-Credential=SECRET",
        "https://account.blob.core.windows.net/c/x?sig=SECRET",
        "https://example.org/x#access_token=SECRET",
        "s3://bucket/x?AWS%5FSECRET%5Faccess%5Fkey=SECRET",
    ],
)
def test_a_url_with_credentials_is_refused_without_repeating_them(url):
    with pytest.raises(ConfigError, match=r"carries credentials .*AWS_ACCESS_KEY_ID.*Prefect block") as caught:
        storage.require_no_secrets(url)
    assert "SECRETSECRET" not in str(caught.value) and "=SECRET" not in str(caught.value)
    with pytest.raises(ConfigError, match="carries credentials"):
        storage.filesystem(url)


@pytest.mark.parametrize(
    "url",
    [
        "rows/part.parquet",
        "a:b/c@d?key=1",  # a local path may be called anything
        "s3://bucket/a@b/part-?.parquet",
        "s3://bucket/x?versionId=abc",
        "s3://arn:aws:s3:us-west-2:123456789012:accesspoint/name/x",
        "sftp://me@host:22/x",
        "http://127.0.0.1:9000/x",
        "http://[::1]:9000/x",
        "abfs://container@account.dfs.core.windows.net/x",
        "memory://x",
    ],
)
def test_a_url_without_credentials_passes(url):
    storage.require_no_secrets(url)


def test_a_folder_goes_up_and_comes_down_and_what_is_unfinished_stays(place, folder, tmp_path):
    names = storage.upload(folder, place, last=("manifest.json", "absent.json"))
    assert names == ["data/part-0.parquet", "z.txt", "manifest.json"]
    assert storage.files_below(place) == {"data/part-0.parquet": 4000, "manifest.json": 2, "z.txt": 1}
    storage.download(place, tmp_path / "to")
    assert (tmp_path / "to/data/part-0.parquet").read_bytes() == b"rows" * 1000
    assert sorted(os.listdir(tmp_path / "to")) == ["data", "manifest.json", "z.txt"]
    storage.download(place, tmp_path / "one", files=["z.txt"])
    assert os.listdir(tmp_path / "one") == ["z.txt"]
    with pytest.raises(OutputError, match=r"holds no other\.txt"):
        storage.download(place, tmp_path / "one", files=["other.txt"])


def test_a_file_is_written_over_read_and_removed(place):
    name = storage.join(place, "deep", "er", "latest.json")
    assert storage.read_bytes(name) is None and storage.files_below(place) == {}
    storage.atomic_write(name, b"1")
    storage.atomic_write(name, b"22")
    assert storage.read_bytes(name) == b"22"
    assert storage.files_below(place) == {"deep/er/latest.json": 2}, "another's writing is seen at once"
    assert storage.files_below(name) == {}, "a file is no folder"
    storage.delete(place, files=["deep/er/absent.json", "deep/er/latest.json"])
    assert storage.read_bytes(name) is None
    storage.delete(place)
    storage.delete(place)


def test_the_last_file_comes_when_all_others_are_there(folder, s3_bucket, monkeypatch):
    seen = []
    files, _ = storage.filesystem(s3_bucket)
    put = type(files)._put_file

    async def watched(self, lpath, rpath, **kwargs):
        seen.append((rpath.split("/", 1)[1], len(await self._find(s3_bucket.removeprefix("s3://")))))
        return await put(self, lpath, rpath, **kwargs)

    monkeypatch.setattr(type(files), "_put_file", watched)
    storage.upload(folder, s3_bucket, last=("z.txt", "manifest.json"))
    assert seen[-2:] == [("z.txt", 1), ("manifest.json", 2)]


def test_a_write_that_fails_leaves_the_old_file_and_no_scratch(tmp_path, monkeypatch):
    storage.atomic_write(tmp_path / "f", b"old")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"no space is left at .*free some") as caught:
        storage.atomic_write(tmp_path / "f", b"new")
    assert isinstance(caught.value.__cause__, OSError) and caught.value.__cause__.errno == errno.ENOSPC
    assert os.listdir(tmp_path) == ["f"] and (tmp_path / "f").read_bytes() == b"old"


@pytest.mark.parametrize("alone", [False, True])
def test_writers_at_the_same_time_need_a_scratch_each_and_a_lone_one_leaves_nothing_behind(
    tmp_path, alone, monkeypatch
):
    class Killed(BaseException):
        pass

    def kill(*_, **__):
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(os, "replace", kill)
        patch.setattr(storage.disk.Path, "unlink", lambda *_, **__: None)
        storage.atomic_write(tmp_path / "f", b"old", alone=alone)
    (left,) = os.listdir(tmp_path)
    assert left == ".f.part" if alone else left.startswith(storage.SCRATCH)
    assert storage.files_below(tmp_path) == ({left: 3} if alone else {})
    storage.atomic_write(tmp_path / "f", b"new", alone=alone)
    assert storage.exists(tmp_path / "f") and (tmp_path / left).exists() != alone
    (tmp_path / ".f.part").write_text("left")
    storage.delete_file(tmp_path / "f")
    storage.delete_file(tmp_path / "f")
    assert not storage.exists(tmp_path / "f") and os.listdir(tmp_path) == ([] if alone else [left])


def test_what_is_copied_is_on_the_disk_before_it_gets_its_name(folder, tmp_path, monkeypatch):
    done, sync, replace = [], os.fsync, os.replace

    def synced(descriptor):
        done.append(os.path.realpath(f"/proc/self/fd/{descriptor}"))
        sync(descriptor)

    def replaced(source, target):
        assert str(source) in done, "the bytes come first"
        done.append(str(target))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    storage.upload(folder, tmp_path / "to")
    for name in storage.files_below(folder):
        place = tmp_path / "to" / name
        assert str(place.parent) in done[done.index(str(place)) :], "then the name"


def test_names_that_would_leave_the_folder_are_refused(s3_bucket, tmp_path):
    files, path = storage.filesystem(s3_bucket)
    files.call_s3("put_object", Bucket=path, Key="a/../../evil", Body=b"x")
    with pytest.raises(OutputError, match="would lie outside it"):
        storage.download(f"{s3_bucket}/a", tmp_path / "to")
    assert not (tmp_path / "evil").exists() and not (tmp_path.parent / "evil").exists()


# ------------------------------------------------------------------------------------ what goes wrong
def every_use(url, tmp_path):
    yield lambda: storage.read_bytes(storage.join(url, "f"))
    yield lambda: storage.atomic_write(storage.join(url, "f"), b"x")
    yield lambda: storage.exists(storage.join(url, "f"))
    yield lambda: storage.files_below(url)
    yield lambda: storage.upload(tmp_path, url, files=["f"])
    yield lambda: storage.download(url, tmp_path / "to")
    yield lambda: storage.delete(url, files=["f"])
    yield lambda: storage.delete_file(storage.join(url, "f"))


def test_a_bucket_that_is_not_there(s3_bucket, tmp_path):
    (tmp_path / "f").write_text("x")
    for use in every_use(f"{s3_bucket}-absent/store", tmp_path):
        with pytest.raises(OutputError, match=r"bucket of .* does not exist; create it") as caught:
            use()
        assert isinstance(caught.value.__cause__, FileNotFoundError), "no waiting mends it"


def test_no_credentials(s3_bucket, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    fsspec.filesystem("s3").clear_instance_cache()
    with pytest.raises(OutputError, match=r"no credentials were found.*AWS_ACCESS_KEY_ID"):
        storage.read_bytes(f"{s3_bucket}/f")


def test_access_denied_says_so_and_shows_no_secret(s3_bucket, monkeypatch):
    from moto.core.responses import BaseResponse
    from moto.s3.exceptions import S3AccessDeniedError
    from moto.s3.responses import S3Response

    def refuse(*_, **__):
        raise S3AccessDeniedError

    assert issubclass(S3Response, BaseResponse)
    monkeypatch.setattr(S3Response, "put_object", refuse)
    with pytest.raises(OutputError, match=r"may not be used \(AccessDenied\); check the credentials") as caught:
        storage.atomic_write(f"{s3_bucket}/f", b"x")
    assert s3.ACCOUNT["AWS_SECRET_ACCESS_KEY"] not in str(caught.value)
    assert isinstance(caught.value.__cause__, PermissionError), "no waiting mends it"


def test_a_server_that_is_away_is_a_connection_error(s3_bucket, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    fsspec.filesystem("s3").clear_instance_cache()
    with pytest.raises(OutputError, match=r"cannot be reached.*call again") as caught:
        storage.read_bytes(f"{s3_bucket}/f")
    assert isinstance(caught.value.__cause__, OSError)
    assert not isinstance(caught.value.__cause__, FileNotFoundError | PermissionError), "waiting may mend it"


def test_a_moments_failure_is_tried_again_below_us(s3_bucket, monkeypatch):
    from moto.s3.responses import S3Response

    put, calls = S3Response.put_object, []

    def flaky(self):
        calls.append(1)
        return (503, {}, "<Error><Code>SlowDown</Code></Error>") if len(calls) < 3 else put(self)

    monkeypatch.setattr(S3Response, "put_object", flaky)
    storage.atomic_write(f"{s3_bucket}/f", b"x")
    assert storage.read_bytes(f"{s3_bucket}/f") == b"x" and len(calls) == 3


def test_file_systems_that_are_unknown_or_not_installed(monkeypatch):
    with pytest.raises(OutputError, match=r"cannot be used: Protocol not known: nope.*give a local path or a URL"):
        storage.filesystem("nope://bucket/x")
    real = fsspec.core.url_to_fs

    def missing(url, **kwargs):
        raise ImportError("Install s3fs to access S3") if url.startswith("s3") else real(url, **kwargs)

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    with pytest.raises(OutputError, match=r"package is missing: Install s3fs.*pip install 'ganaug\[s3\]'"):
        storage.filesystem("s3://bucket/x")


def test_what_is_not_the_storages_fault_stays_as_it_is():
    with pytest.raises(TypeError, match="ours"), storage.storage_errors("s3://bucket/x"):
        raise TypeError("ours")


def test_secrets_in_what_a_server_says_are_not_repeated():
    with pytest.raises(OutputError) as caught, storage.storage_errors("s3://bucket/x"):
        raise OSError("failed for https://me:pw1@host/?X-Amz-Signature=abc&x=1 with aws_secret_access_key='def'")
    assert not any(secret in str(caught.value) for secret in ("pw1", "abc", "def"))
