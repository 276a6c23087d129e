"""One thread for everything numerical: what is summed in another number of parts is rounded in another way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

__all__ = ["one_thread"]

_lock = threading.Lock()
_inside = 0
_before: tuple[int, threadpool_limits] | None = None


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch, BLAS and OpenMP use one thread each until the block ends.

    Blocks may nest and may run in several threads at once: some of these counts belong to the process and some to the
    thread that asks, so that the first block to begin remembers what was set and the last one to end sets it again.
    Which bits come out then depends neither on the machine's cores nor on what else the process does.
    """
    global _inside, _before
    import torch  # here, so that whoever only reads does not wait for it

    with _lock:
        # Every thread sets its own counts, and each block's limiter knows what stood before it.
        threads, limiter = torch.get_num_threads(), threadpool_limits(limits=1)
        torch.set_num_threads(1)
        _inside += 1
        if _before is None:
            _before = (threads, limiter)
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0 and _before is not None:
                (threads, limiter), _before = _before, None
                limiter.restore_original_limits()
                torch.set_num_threads(threads)
