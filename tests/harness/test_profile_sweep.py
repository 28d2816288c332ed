"""Sweeps: growth recovered, exhausted memory typed, comparisons only between equals."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from harness.errors import DataError
from harness.profiling.sweep import (
    Growth,
    Point,
    Prepare,
    Profile,
    against,
    grow,
    load_profile,
    measure,
)
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


def exhausting(length: int) -> Work:
    if length > 2:
        raise MemoryError("too small a device")
    return costing(float)(length)


def sweep(**arms: Prepare) -> list[Point]:
    return list(measure(arms, [1, 2, 4, 8], rounds=7, timer=timer))


def test_exponents_and_lines_are_recovered() -> None:
    points = sweep(line=costing(lambda n: 3.0 * n), square=costing(lambda n: 2.0 * n * n))
    growth = {one.arm: one for one in grow(points)}
    assert growth["line"].exponent == pytest.approx(1)
    assert growth["line"].r2_line == pytest.approx(1)
    assert growth["square"].exponent == pytest.approx(2)
    assert growth["square"].r2_line is not None
    assert growth["square"].r2_line < 0.99
    assert len(points) == 8
    assert all(point.rounds == 7 and point.lo is not None for point in points)


def test_a_length_out_of_memory_is_a_missing_point_and_the_rest_goes_on() -> None:
    points = sweep(fine=costing(float), large=exhausting)
    missing = [point for point in points if point.seconds is None]
    assert [(point.arm, point.length) for point in missing] == [("large", 4), ("large", 8)]
    assert {point.reason for point in missing} == {"too small a device"}
    growth = {one.arm: one for one in grow(points)}
    assert growth["fine"].points == 4
    assert growth["large"].points == 2
    assert growth["large"].lo is None


def test_an_arm_with_one_length_has_no_growth() -> None:
    (only,) = grow([Point(arm="a", length=1, seconds=1.0)])
    assert only == Growth(arm="a", exponent=None, points=1,
                          reason="1 lengths have a value, a growth needs two")  # fmt: skip


def profile(factor: float, **machine: object) -> Profile:
    points = sweep(a=costing(lambda n: factor * n))
    where = {"device": "cpu", "processor": "x", "cpus": 2, "threads": 1, "load": 0.1, **machine}
    return Profile(config="small", machine=where, points=tuple(points), growth=())  # type: ignore[arg-type]


def test_a_profile_is_compared_with_an_earlier_one_of_the_same_machine() -> None:
    ratios = against(profile(2.0, load=9.0), profile(1.0))
    assert [one.ratio for one in ratios] == pytest.approx([2.0] * 4)
    assert all(one.lo is not None and one.hi is not None for one in ratios)


@pytest.mark.parametrize("change", [{"device": "gpu"}, {"cpus": 64}, {"threads": 2}])
def test_another_machine_class_is_incomparable(change: dict[str, object]) -> None:
    ratios = against(profile(2.0), profile(1.0, **change))
    assert all(one.ratio is None for one in ratios)
    assert all("incomparable" in one.reason for one in ratios)


def test_stored_profiles_read_back_and_others_are_refused() -> None:
    one = profile(1.0)
    assert load_profile(msgspec.json.encode(one), "p.json") == one
    with pytest.raises(DataError, match=r"not a profile(.|\n)*p\.json"):
        load_profile(b"{}", "p.json")
    other = msgspec.structs.replace(one, schema="other/1")
    with pytest.raises(DataError, match="other/1"):
        load_profile(msgspec.json.encode(other), "p.json")
