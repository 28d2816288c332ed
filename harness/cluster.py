"""Workers on a Ray cluster behind the same ``map``: each an actor with a journal of its own.

A worker stores a row before it hands the result on, so what remains to be done is always the plan
minus the journals. When a worker or its node dies, what its journal holds is taken from there and
the rest is done by others. The run directory must be one that all nodes share.
"""

from __future__ import annotations

import os
import platform
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple, TypeVar
from uuid import uuid4

from harness.errors import ConfigError, PreconditionError
from harness.files import lock
from harness.protocols import Kept
from harness.provenance import own_commit, version
from harness.store import PLAN, Journal, read_rows

Item = TypeVar("Item")
Result = TypeVar("Result")

ANSWERS_IN_S = 5.0
"""How long a cluster's address may take to accept a connection."""
STARTS_IN_S = 120.0
"""How long a first worker may take to start."""
ENDS_IN_S = 60.0
"""How long workers of a pass that was killed may take to end."""
DEATHS = 5
"""So many workers may die one after the other without a result in between."""


class Worker:
    """The actor: does one item after the other (several at once on threads), and keeps rows."""

    def __init__(self, work: Callable[[Any], Any], kept: Kept, journal: Path) -> None:
        self._work, self._kept, self._path, self._lock = work, kept, journal, Lock()

    def begin(self) -> str:
        """Open the journal; return which version this worker runs.

        Raises:
            PreconditionError: this node does not see the run directory.
        """
        if not (self._path.parent / PLAN).exists():
            raise PreconditionError(
                f"the node {platform.node()} does not see the run directory",
                where=str(self._path.parent),
                hint="give --out a directory that all nodes share",
            )
        self._journal = Journal(self._path)
        return this_version()

    def do(self, item: Any) -> Any:
        """Return the result of an item; its row is on disk by then."""
        result = self._work(item)
        row = self._kept.row(result)
        if row is not None:
            with self._lock:
                self._journal.append(row)
        return result


class Cluster:
    """An executor whose workers are Ray actors.

    Args:
        folder: the run directory.
        name: how the journals of these workers begin.
        kept: what the workers store.
        workers: number of actors.
        threads: items that each works on at once.
        address: of the cluster; empty for ``$RAY_ADDRESS``, else one on this machine.
    """

    def __init__(
        self, folder: Path, name: str, kept: Kept, workers: int, threads: int = 1, address: str = ""
    ) -> None:
        if min(workers, threads) < 1:
            raise ConfigError(f"{workers} workers of {threads} threads", expected="at least 1")
        self.kept, self._folder, self._name = kept, folder.resolve(), name
        self._workers, self._threads, self._address = workers, threads, address

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield results as they are ready; at most two items per thread are in flight.

        Raises:
            PreconditionError: no cluster, no package on it, another version of it, or workers
                that die one after the other.
        """
        crew = Crew(connect(self._address, self._workers), self.kept, 2 * self._threads)
        names = (f"{self._name}-{uuid4().hex[:12]}.jsonl" for _ in count())

        def hire() -> None:
            crew.start(function, self._folder / next(names), self._threads)

        try:
            queue = iter(items)
            for _ in range(self._workers):
                hire()
            while crew.send(queue):
                yield from crew.results(hire)
        finally:
            crew.dismiss()


class Hand(NamedTuple):
    """A worker: its actor and its journal."""

    actor: Any
    journal: Path


class Crew:
    """The workers of one pass and what each of them does.

    Args:
        ray: the module.
        kept: what the workers store.
        most: items in flight per worker.
    """

    def __init__(self, ray: Any, kept: Kept, most: int) -> None:
        self._ray, self._kept, self._most = ray, kept, most
        self._loads: dict[Hand, int] = {}
        self._starting: dict[Any, Hand] = {}
        self._flying: dict[Any, tuple[Hand, Any]] = {}
        self._again: deque[Any] = deque()
        self._deaths = 0

    def start(self, function: Callable[[Any], Any], journal: Path, threads: int) -> None:
        """Ask for one more worker; it joins once it has opened its journal."""
        kind = self._ray.remote(Worker).options(max_concurrency=threads)
        hand = Hand(kind.remote(function, self._kept, journal), journal)
        self._starting[hand.actor.begin.remote()] = hand

    def send(self, queue: Iterator[Any]) -> bool:
        """Give every worker items up to its limit; return False once all are done."""
        more = True
        for hand in self._loads:
            while more and self._loads[hand] < self._most:
                item = self._again.popleft() if self._again else next(queue, None)
                if more := item is not None:
                    self._flying[hand.actor.do.remote(item)] = hand, item
                    self._loads[hand] += 1
        return bool(self._flying or self._again) or (not self._loads and bool(self._starting))

    def results(self, hire: Callable[[], None]) -> Iterator[Any]:
        """Wait for something to happen; yield the results that are there.

        Raises:
            PreconditionError: no worker starts, or one dies after the other.
            UserError: what a worker raised.
        """
        waits = [*self._flying, *self._starting]
        ready, _ = self._ray.wait(waits, timeout=None if self._loads else STARTS_IN_S)
        if not ready:
            raise PreconditionError(
                f"no worker started within {STARTS_IN_S:.0f} s",
                hint="`ray status` says what the cluster has left",
            )
        ready, _ = self._ray.wait(waits, num_returns=len(waits), timeout=0)  # all that there are
        for event in ready:
            hand = self._starting.pop(event, None)
            if hand is not None:
                self._join(hand, event, hire)
            elif event in self._flying:
                yield from self._arrived(event, hire)

    def _join(self, hand: Hand, event: Any, hire: Callable[[], None]) -> None:
        try:
            check_version(self._get(event))
        except self._ray.exceptions.RayActorError as error:
            self._died(str(error))
            hire()
        else:
            self._loads[hand] = 0

    def _arrived(self, event: Any, hire: Callable[[], None]) -> Iterator[Any]:
        hand, item = self._flying.pop(event)
        try:
            result = self._get(event)
        except self._ray.exceptions.RayActorError as error:
            yield from self._bury(hand, item)
            self._died(str(error))
            hire()
        else:
            self._loads[hand] -= 1
            self._deaths = 0
            yield result

    def _get(self, event: Any) -> Any:
        try:
            return self._ray.get(event)
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from None

    def _bury(self, hand: Hand, item: Any) -> Iterator[Any]:
        """Take what a dead worker had stored from its journal; the rest is to be done again."""
        del self._loads[hand]
        lost = [item, *(one for whose, one in self._flying.values() if whose is hand)]
        self._flying = {ref: two for ref, two in self._flying.items() if two[0] is not hand}
        self._end(hand)
        rows = list(read_rows(hand.journal))
        for one in lost:
            result = self._kept.result(one, rows)
            if result is None:
                self._again.append(one)
            else:
                self._deaths = 0
                yield result

    def _died(self, said: str) -> None:
        """Count a death without a result since the last one; refuse to go on after several."""
        self._deaths += 1
        if "ModuleNotFoundError" in said or "No module named" in said:
            raise PreconditionError(
                "the workers of the cluster have no kairos-eval, or lack a package that it needs",
                where=said.strip().splitlines()[-1][:300],
                hint="install the same version, with the same extras, on every node",
            )
        if self._deaths == DEATHS:
            raise PreconditionError(
                f"{DEATHS} workers of the cluster died one after the other",
                where=said[:300],
                hint="the cluster's log says why (memory?); then give the same command again",
            )

    def _end(self, hand: Hand) -> None:
        """Make sure that a worker writes no more."""
        self._ray.kill(hand.actor)
        with suppress(self._ray.exceptions.RayError):
            self._ray.get(hand.actor.begin.remote(), timeout=STARTS_IN_S)

    def dismiss(self) -> None:
        """End all workers."""
        for hand in (*self._loads, *self._starting.values()):
            self._ray.kill(hand.actor)


@cache
def this_version() -> str:
    """Return what must be the same on every worker: our version and commit."""
    return f"{version()} {own_commit().get('commit') or ''}".strip()


def check_version(theirs: str) -> None:
    """Refuse a worker of another version.

    Raises:
        PreconditionError: it is another.
    """
    if theirs != this_version():
        raise PreconditionError(
            f"a worker of the cluster runs kairos-eval {theirs}",
            expected=this_version(),
            hint="install the same version on every node",
        )


def connect(address: str, workers: int) -> Any:
    """Return Ray, connected to a cluster.

    That is the one at the address, the one at ``$RAY_ADDRESS``, or one that starts on this machine.

    Raises:
        PreconditionError: Ray is absent, nothing answers, or it is of another version.
    """
    try:
        import ray
    except ImportError as error:
        raise PreconditionError(
            "--executor ray needs the package `ray`", hint="pip install 'kairos-eval[cluster]'"
        ) from error
    if ray.is_initialized():
        return ray
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    address = address or os.environ.get("RAY_ADDRESS", "")
    reach(address)
    local: dict[str, Any] = {"num_cpus": workers, "include_dashboard": False}
    try:
        ray.init(
            address=address or "local",
            log_to_driver=False,
            logging_level="error",
            **({} if address else local),
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        said = str(error).strip().splitlines()
        raise PreconditionError(
            f"no Ray cluster of this version answers: {said[0][:300] if said else error!r}",
            where=address or "this machine",
            hint="give --address HOST:PORT as `ray start --head` prints it, and the token of that "
            "cluster ($RAY_AUTH_TOKEN) where it asks for one",
        ) from error
    return ray


def reach(address: str) -> None:
    """Refuse an address of a cluster that accepts no connection.

    Raises:
        ConfigError: it is no HOST:PORT.
        PreconditionError: nothing listens there.
    """
    if address in ("", "auto", "local"):
        return
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not (colon and host and port.isdecimal()):
        raise ConfigError(f"--address {address}", expected="HOST:PORT, or auto")
    try:
        socket.create_connection((host, int(port)), ANSWERS_IN_S).close()
    except (OSError, OverflowError) as error:
        raise PreconditionError(
            f"nothing answers: {error}", where=address, hint="is `ray start --head` running there?"
        ) from error


def await_workers(folder: Path, name: str) -> None:
    """Wait until the workers of an earlier, killed pass write no more.

    Raises:
        PreconditionError: they still do after a minute.
    """
    for journal in sorted(folder.glob(f"{name}-*.jsonl")):
        lock(
            journal.with_suffix(".lock"),
            busy="workers of an earlier pass still write this run",
            hint="end them (`ray stop`), then give the same command again",
            wait_s=ENDS_IN_S,
        ).lock.release()
