"""Executors: the same map, in this process, in threads or in a pool of processes.

Results may come back in any order; rows are named by content, so no number depends on it.
A cluster joins by offering the same ``map`` (``harness.cluster``).
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from itertools import islice
from typing import TypeVar

from harness.errors import ConfigError, PreconditionError
from harness.threads import prefer_one

Item = TypeVar("Item")
Result = TypeVar("Result")


class InProcess:
    """Runs one item after the other, in order, here."""

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield ``function(item)`` for each item, in order."""
        return map(function, items)


class Pool:
    """Runs items on threads (for judges that wait) or processes (for judges that compute).

    At most ``2 * size`` items are in flight, so an interrupt loses little. A process pool needs
    a function and items that can be sent to another process.
    """

    def __init__(self, kind: type[Executor], size: int) -> None:
        if size < 1:
            raise ConfigError(f"{size} workers", expected="at least 1")
        self._kind, self._size = kind, size

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield results as they are ready.

        Raises:
            PreconditionError: a process of the pool was killed.
        """
        queue, pool, waits = iter(items), self._pool(), True
        try:
            flying = {pool.submit(function, item) for item in islice(queue, 2 * self._size)}
            while flying:
                done, flying = wait(flying, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
                flying |= {pool.submit(function, item) for item in islice(queue, len(done))}
        except BrokenExecutor as error:
            raise PreconditionError(
                "a worker process was ended from outside, perhaps for want of memory",
                hint="run the same command again: it goes on where it stopped, or give it fewer "
                "--workers",
            ) from error
        except KeyboardInterrupt:  # a thread that still waits for a server holds nobody up
            waits = self._kind is ProcessPoolExecutor
            raise
        finally:
            pool.shutdown(wait=waits, cancel_futures=True)

    def _pool(self) -> Executor:
        if self._kind is ProcessPoolExecutor:
            return ProcessPoolExecutor(self._size, initializer=_begin)
        return ThreadPoolExecutor(self._size)


def _begin() -> None:
    """Compute on one thread, as many such processes run; end with the parent, however it ends."""
    prefer_one()
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def make_executor(kind: str, size: int) -> InProcess | Pool:
    """Return the executor named ``in-process``, ``threads`` or ``processes``."""
    if kind == "in-process" or size == 1:
        return InProcess()
    pools: dict[str, type[Executor]] = {
        "threads": ThreadPoolExecutor,
        "processes": ProcessPoolExecutor,
    }
    if kind not in pools:
        raise ConfigError(
            f"unknown executor {kind!r}", expected="in-process, threads, processes or ray"
        )
    return Pool(pools[kind], size)
