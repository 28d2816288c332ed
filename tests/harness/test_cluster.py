"""Workers of a cluster that die at any moment: nothing is lost, nothing is stored twice."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import cluster
from harness.cluster import Cluster, Worker
from harness.errors import ConfigError, PreconditionError
from harness.records import Judgment, Row, RunPlan, RunSpec
from harness.store import create_run, load_rows


class Numbers:
    """Stores a row per number; a negative number is a failure, which the caller stores."""

    def row(self, result: tuple[int, int]) -> Judgment | None:
        item, value = result
        name = str(item)
        return None if value < 0 else Judgment(key=name, item=name, question="q", raw=str(value))

    def result(self, item: int, rows: Iterable[Row]) -> tuple[int, int] | None:
        found = [one for one in rows if isinstance(one, Judgment) and one.key == str(item)]
        return (item, int(found[0].raw or 0)) if found else None


class Gone(Exception):
    """An actor has died."""


class Raised(Exception):
    """A task has raised."""

    def __init__(self, cause: Exception) -> None:
        self.cause = cause


class Handle(SimpleNamespace):
    """An actor as its caller holds it."""

    __hash__ = object.__hash__


class FakeRay:
    """Ray in this process: an event is done when it is waited for, and ``fate`` says how.

    ``fate`` returns ``""`` (all well), ``"before"`` or ``"after"`` (the actor dies before its work,
    or once the row is stored).
    """

    exceptions = SimpleNamespace(RayError=Gone, RayActorError=Gone, RayTaskError=Raised)

    def __init__(self, fate: Callable[[], str], order: random.Random) -> None:
        self.fate, self.order, self.dead = fate, order, set[int]()
        self.events: dict[int, tuple[Any, str, tuple[Any, ...]]] = {}

    def remote(self, kind: type) -> Any:
        def make(*arguments: Any) -> Any:
            actor = kind(*arguments)

            def method(name: str) -> Any:
                def call(*given: Any) -> int:
                    self.events[len(self.events)] = actor, name, given
                    return len(self.events) - 1

                return SimpleNamespace(remote=call)

            return Handle(inner=actor, begin=method("begin"), do=method("do"))

        return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=make))

    def wait(
        self, events: list[int], *, num_returns: int = 1, timeout: float | None = None
    ) -> tuple[list[int], list[int]]:
        return self.order.sample(events, self.order.randint(1, num_returns)), []

    def get(self, event: int, timeout: float | None = None) -> Any:
        actor, name, given = self.events[event]
        if id(actor) in self.dead:
            raise Gone
        how = self.fate()
        try:
            found = None if how == "before" else getattr(actor, name)(*given)
        except PreconditionError as error:
            raise Raised(error) from None
        if how:
            self.dead.add(id(actor))
            if hasattr(actor, "_journal"):
                actor._journal.close()
            raise Gone
        return found

    def kill(self, handle: Any) -> None:
        self.dead.add(id(handle.inner))
        if hasattr(handle.inner, "_journal"):
            handle.inner._journal.close()


def use(monkeypatch: pytest.MonkeyPatch, ray: FakeRay) -> None:
    monkeypatch.setattr(cluster, "connect", lambda address, workers: ray)


def square(number: int) -> tuple[int, int]:
    return number, number**2 if number % 5 else -1


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(1, 3), st.integers(0, 12))
def test_whatever_dies_every_item_comes_back_once_and_is_stored_once(
    tmp_path_factory: pytest.TempPathFactory, seed: int, workers: int, threads: int, deaths: int
) -> None:
    order, left = random.Random(seed), deaths

    def fate() -> str:
        nonlocal left
        if left and order.random() < 0.3:
            left -= 1
            return order.choice(["before", "after"])
        return ""

    folder = tmp_path_factory.mktemp("run")
    create_run(folder, RunPlan(id="x", spec=RunSpec(name="x")))
    with pytest.MonkeyPatch.context() as patch:
        use(patch, FakeRay(fate, order))
        patch.setattr(cluster, "DEATHS", 99)
        crew = Cluster(folder, "journal-worker", Numbers(), workers, threads)
        found = sorted(crew.map(square, range(20)))
    assert found == [square(number) for number in range(20)]
    stored = [row.key for row in load_rows(folder) if isinstance(row, Judgment)]
    assert sorted(map(int, stored)) == [number for number in range(20) if number % 5]


def test_an_item_that_kills_every_worker_ends_the_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_run(tmp_path, RunPlan(id="x", spec=RunSpec(name="x")))
    fates = iter(["", *["before", ""] * 20])
    use(monkeypatch, FakeRay(lambda: next(fates), random.Random(0)))
    with pytest.raises(PreconditionError, match="5 workers of the cluster died"):
        list(Cluster(tmp_path, "journal-worker", Numbers(), 1).map(square, [1]))


def test_workers_that_never_start_end_the_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, FakeRay(lambda: "before", random.Random(0)))
    with pytest.raises(PreconditionError, match="5 workers of the cluster died"):
        list(Cluster(tmp_path, "journal-worker", Numbers(), 2).map(square, [1]))


def test_a_node_without_the_run_directory_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, FakeRay(lambda: "", random.Random(0)))
    with pytest.raises(PreconditionError, match="does not see the run directory"):
        list(Cluster(tmp_path, "journal-worker", Numbers(), 1).map(square, [1]))


def test_a_worker_of_another_version_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_run(tmp_path, RunPlan(id="x", spec=RunSpec(name="x")))
    use(monkeypatch, FakeRay(lambda: "", random.Random(0)))
    monkeypatch.setattr(Worker, "begin", lambda self: "0.0.1")
    with pytest.raises(PreconditionError, match=r"runs kairos-eval 0\.0\.1"):
        list(Cluster(tmp_path, "journal-worker", Numbers(), 1).map(square, [1]))


def test_a_cluster_without_the_package_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(self: FakeRay, event: int) -> None:
        raise Gone("ModuleNotFoundError: No module named 'harness'")

    monkeypatch.setattr(FakeRay, "get", absent)
    use(monkeypatch, FakeRay(lambda: "", random.Random(0)))
    with pytest.raises(PreconditionError, match="have no kairos-eval"):
        list(Cluster(tmp_path, "journal-worker", Numbers(), 1).map(square, [1]))


@pytest.mark.parametrize("address", ["here", "host:port", ":6379"])
def test_an_address_that_is_none_is_one_message(address: str) -> None:
    with pytest.raises(ConfigError, match="HOST:PORT"):
        cluster.reach(address)


def test_an_address_that_does_not_answer_is_one_message() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening
        with pytest.raises(PreconditionError, match="nothing answers"):
            cluster.reach(f"127.0.0.1:{taken.getsockname()[1]}")


def test_workers_of_a_pass_that_was_killed_are_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_run(tmp_path, RunPlan(id="x", spec=RunSpec(name="x")))
    worker = Worker(square, Numbers(), tmp_path / "journal-worker-a.jsonl")
    worker.begin()
    monkeypatch.setattr(cluster, "ENDS_IN_S", 0.0)
    with pytest.raises(PreconditionError, match="still write this run"):
        cluster.await_workers(tmp_path, "journal-worker")
    worker._journal.close()
    cluster.await_workers(tmp_path, "journal-worker")


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(PreconditionError, match="the package `ray`"):
        cluster.connect("", 1)
