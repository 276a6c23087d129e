"""An S3 server on loopback that speaks the real protocol (moto), for the tests that need one."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

# What SDKs, and processes that a test starts, take from the environment.
ACCOUNT = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing-secret", "AWS_DEFAULT_REGION": "us-east-1"}


@contextmanager
def s3_server() -> Iterator[str]:
    """Run a server and give its address."""
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer
    from moto.s3.responses import S3Response

    # S3 checks a condition and writes as one step; moto's threads may come between.
    put, lock = S3Response.put_object, threading.Lock()

    def put_object(self):
        with lock:
            return put(self)

    S3Response.put_object = put_object
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()
        S3Response.put_object = put


def new_bucket() -> str:
    """Make a bucket and return its URL."""
    import fsspec

    name = f"b-{uuid.uuid4().hex[:12]}"
    fsspec.filesystem("s3", use_listings_cache=False).mkdir(name)
    return f"s3://{name}"


@contextmanager
def environment(endpoint: str) -> Iterator[None]:
    """Let fsspec, and processes that are started, find the server."""
    before = dict(os.environ)
    os.environ.pop("AWS_PROFILE", None)
    os.environ.update(ACCOUNT, AWS_ENDPOINT_URL=endpoint, AWS_CONFIG_FILE=os.devnull, AWS_EC2_METADATA_DISABLED="true")
    os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
