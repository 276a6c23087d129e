"""What the tests run in processes of its own: publishes that are killed, and publishers that work at the same time.

``python processes.py killed PLACE OLD NEW`` publishes OLD at PLACE/0, PLACE/1, ..., then NEW, and is killed (SIGKILL)
at the n-th operation on the storage of the latter; it prints a line each and ends when one was not killed any more.
``python processes.py many PLACE NAME FOLDER...`` publishes one folder after the other.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys

from ganaug import storage
from ganaug.releases import Releases

CHANGES = {"os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.truncate", "os.link", "shutil.copyfile", "open"}


def kill_at(number: int, place: str) -> None:
    """Let this process be killed at the ``number``-th operation on ``place`` from now on."""
    counter = itertools.count()

    def count() -> None:
        if next(counter) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    if storage.local_folder(place) is not None:

        def noticed(event, args):
            if event in CHANGES and any(isinstance(arg, str | os.PathLike) and place in str(arg) for arg in args):
                count()

        sys.addaudithook(noticed)
        return
    from s3fs import S3FileSystem

    call = S3FileSystem._call_s3

    async def called(self, method, *args, **kwargs):
        changes = method in ("put_object", "delete_object", "delete_objects", "upload_part")
        if changes:
            count()
        answer = await call(self, method, *args, **kwargs)
        if changes:
            count()
        return answer

    S3FileSystem._call_s3 = called


def killed(place: str, old: str, new: str) -> None:
    for number in itertools.count():
        child = os.fork()
        if child == 0:
            store = Releases(f"{place}/{number}")
            store.publish(old, version="old")
            kill_at(number, place)
            store.publish(new, version="new")
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        print(number, os.waitstatus_to_exitcode(status), flush=True)
        if status != signal.SIGKILL:
            return


def many(place: str, name: str, *folders: str) -> None:
    for number, folder in enumerate(folders):
        Releases(place).publish(folder, version=f"{name}-{number}")


if __name__ == "__main__":
    {"killed": killed, "many": many}[sys.argv[1]](*sys.argv[2:])
