"""Sweeps: arms interleaved, exhausted memory typed, known points left alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.profiling.sweep import Bench, Point, Prepare, measure, memory_shortage
from harness.profiling.timers import Duration, Work

CLOCK = {"seconds": 0.0}


def costing(law: Callable[[int], float]) -> Prepare:
    """An arm whose call takes ``law(length)`` seconds of a pretended clock."""

    def prepare(length: int) -> Work:
        def work() -> None:
            CLOCK["seconds"] = law(length)

        return work

    return prepare


def timer(work: Work) -> Duration:
    work()
    return Duration(CLOCK["seconds"], CLOCK["seconds"])


def sweep(arms: dict[str, Prepare], **options: object) -> list[Point]:
    return list(measure(arms, [4, 1, 2, 8], rounds=7, timer=timer, **options))  # type: ignore[arg-type]


def exhausted(length: int) -> Work:
    if length > 2:
        raise MemoryError("too small a device")
    return costing(float)(length)


def exhausted_late(length: int) -> Work:
    """Memory runs out in the third call, as it does when another program takes it."""
    calls = iter(range(3))

    def work() -> None:
        if length == 4 and next(calls, None) is None:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB\nmore text")
        CLOCK["seconds"] = 1.0

    return work


def test_every_arm_is_timed_at_every_length_from_the_shortest_on() -> None:
    points = sweep({"line": costing(lambda n: 3.0 * n), "square": costing(lambda n: n * n)})
    assert [(point.arm, point.length) for point in points] == [
        (arm, length) for length in (1, 2, 4, 8) for arm in ("line", "square")
    ]
    found = {(p.arm, p.length): {d.busy_s for d in p.durations} for p in points}
    assert found["line", 4] == {12.0}
    assert found["square", 8] == {64.0}
    assert all(len(point.durations) == 7 for point in points)


@pytest.mark.parametrize(
    ("arm", "lost", "reason"),
    [(exhausted, [4, 8], "too small a device"),
     (exhausted_late, [4], "CUDA out of memory. Tried to allocate 2 GiB")],
)  # fmt: skip
def test_a_length_out_of_memory_is_a_missing_point_and_the_rest_goes_on(
    arm: Prepare, lost: list[int], reason: str
) -> None:
    points = sweep({"fine": costing(float), "large": arm})
    missing = [point for point in points if point.reason]
    assert [(point.arm, point.length) for point in missing] == [("large", n) for n in lost]
    assert {point.reason for point in missing} == {reason}
    assert all(not point.durations for point in missing)
    assert sum(len(point.durations) == 7 for point in points) == 8 - len(lost)


def test_another_error_is_not_taken_for_exhausted_memory() -> None:
    def broken(length: int) -> Work:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes do not match"):
        sweep({"broken": broken})


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "out of memory"),
        (MemoryError("8 GiB asked"), "8 GiB asked"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 9 bytes"),
         "DefaultCPUAllocator: can't allocate memory: you tried 9 bytes"),
        (type("OutOfMemoryError", (RuntimeError,), {})("whatever"), "whatever"),
        (RuntimeError("index out of range"), None),
    ],
)  # fmt: skip
def test_shortage_of_memory_is_told_from_other_errors(
    error: BaseException, reason: str | None
) -> None:
    assert memory_shortage(error) == reason


def test_known_points_are_not_measured_again_but_are_told() -> None:
    prepared: list[tuple[str, int]] = []
    told: list[None] = []

    def noting(name: str) -> Prepare:
        def prepare(length: int) -> Work:
            prepared.append((name, length))
            return costing(float)(length)

        return prepare

    known = {("a", 1), ("a", 2), ("b", 1), ("b", 8)}
    points = sweep({"a": noting("a"), "b": noting("b")}, known=known,
                   step=lambda: told.append(None))  # fmt: skip
    assert prepared == [("b", 2), ("a", 4), ("b", 4), ("a", 8)]
    assert [(point.arm, point.length) for point in points] == prepared
    assert len(told) == 8


def test_the_machine_class_and_its_load_are_recorded() -> None:
    machine = Bench(device="a GPU", threads=3).machine()
    assert machine["device"] == "a GPU"
    assert machine["threads"] == 3
    assert isinstance(machine["cpus"], int)
    assert machine["processor"]
    assert machine["load"] is None or isinstance(machine["load"], float)
