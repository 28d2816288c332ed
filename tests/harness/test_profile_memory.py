"""Peak memory read from the allocator, shortage typed, carried state beside its formula."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.evidence import Figure, Measurement
from harness.profiling.memory import Carried, Memory, cpu_peak
from harness.profiling.sweep import Bench, Prepare
from harness.profiling.timers import Work
from harness.records import Evidence

MEGA = 1_000_000


def holding(length: int) -> Work:
    return lambda: length


def exhausted(length: int) -> Work:
    if length > 10:
        raise RuntimeError("CUDA out of memory. Tried to allocate 9 GiB")
    return holding(length)


def profile(arms: dict[str, Prepare], calls: list[object] | None = None) -> Memory:
    def meter(work: Work) -> int:
        if calls is not None:
            calls.append(work)
        return 100 * int(str(work()))

    return Memory(
        arms=arms, states={"memory": lambda n: Carried(64, 64), "keys": lambda n: Carried(n, 2)},
        lengths=[10, 20], meter=meter, bench=Bench("a GPU"), settings={"config": "small"},
        title="t",
    )  # fmt: skip


def measurements(
    rows: list[Evidence], quantity: str
) -> dict[tuple[str, float | None], Measurement]:
    return {(row.series, row.x): row for row in rows
            if isinstance(row, Measurement) and row.quantity == quantity}  # fmt: skip


def test_peaks_and_states_are_rows_and_a_shortage_is_a_reason() -> None:
    rows = list(profile({"fine": holding, "large": exhausted}).run({}, Path()))
    peaks = measurements(rows, "bytes")
    assert peaks["fine", 20].value == 2000
    assert peaks["large", 10].value == 1000
    assert peaks["large", 20].value is None
    assert peaks["large", 20].reason == "CUDA out of memory. Tried to allocate 9 GiB"
    states = measurements(rows, "state bytes")
    assert states["memory, measured", 20].value == 64
    assert states["keys, measured", 20].value == 20
    assert states["keys, closed form", 20].value == 2
    titles = [row.title for row in rows if isinstance(row, Figure)]
    assert titles == ["Peak memory of one forward: small", "State that a stream carries: small"]
    assert len({row.key for row in rows}) == len(rows)


def test_another_error_is_not_taken_for_a_shortage() -> None:
    def broken(length: int) -> Work:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        list(profile({"broken": broken}).run({}, Path()))


def test_known_peaks_are_not_measured_again() -> None:
    rows = list(profile({"fine": holding}).run({}, Path()))
    calls: list[object] = []
    again = list(profile({"fine": holding}, calls).run({row.key: row for row in rows}, Path()))
    assert calls == []
    assert isinstance(again[-1], Figure)
    assert again[-2:] == rows[-2:]


def test_the_peak_of_the_cpu_allocator_is_exact_and_counts_what_lives_together() -> None:
    torch = pytest.importorskip("torch")

    def kept() -> object:
        one, other = torch.empty(MEGA // 4), torch.empty(MEGA // 4)
        return one, other

    def freed() -> object:
        for _ in range(3):
            torch.empty(MEGA // 4)
        return None

    assert cpu_peak(kept) == pytest.approx(2 * MEGA, rel=1e-3)
    assert cpu_peak(freed) == pytest.approx(MEGA, rel=1e-3)
    assert cpu_peak(lambda: None) == 0
