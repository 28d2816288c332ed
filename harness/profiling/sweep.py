"""A scaling profile: several arms timed over lengths, fitted, and compared with an earlier one.

An arm is a way of computing the same thing (hybrid layers, full attention, one kind alone). A
length that runs out of memory becomes a point without a value and with its reason; the rest go on.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from harness.errors import DataError
from harness.profiling.scaling import linear, power_law
from harness.profiling.timers import Timer, Work, cpu_timer, interleaved, median
from harness.records import Record, Scalar

SCHEMA = "kairos-eval-profile/1"
Prepare = Callable[[int], Work]
"""Makes the work of an arm at a length; whatever it allocates lives as long as the work."""


class Point(Record, frozen=True, kw_only=True):
    """Median seconds of one arm at one length, or the reason why there is none."""

    arm: str
    length: int
    seconds: float | None
    lo: float | None = None
    hi: float | None = None
    rounds: int = 0
    reason: str = ""


class Growth(Record, frozen=True, kw_only=True):
    """How an arm grows: exponent with interval, and R2 of a straight line."""

    arm: str
    exponent: float | None
    lo: float | None = None
    hi: float | None = None
    r2_line: float | None = None
    points: int = 0
    reason: str = ""


class Profile(Record, frozen=True, kw_only=True):
    """A whole profile with the machine it was made on."""

    schema: str = SCHEMA
    config: str
    machine: dict[str, Scalar]
    points: tuple[Point, ...]
    growth: tuple[Growth, ...]


class Ratio(Record, frozen=True, kw_only=True):
    """One point against the same point of an earlier profile."""

    arm: str
    length: int
    ratio: float | None
    lo: float | None = None
    hi: float | None = None
    reason: str = ""


def machine(device: str, threads: int) -> dict[str, Scalar]:
    """Return the machine class and what may disturb a timing on it."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "device": device,
        "processor": platform.processor() or platform.machine(),
        "cpus": os.cpu_count(),
        "threads": threads,
        "load": None if load is None else round(load, 2),
    }


def measure(
    arms: Mapping[str, Prepare],
    lengths: Sequence[int],
    *,
    rounds: int,
    timer: Timer = cpu_timer,
    exhausted: tuple[type[BaseException], ...] = (MemoryError,),
    step: Callable[[], None] = lambda: None,
) -> Iterator[Point]:
    """Yield one point per arm and length; arms are interleaved at each length.

    Args:
        arms: how to prepare each arm's work.
        lengths: in ascending order, so that memory runs out last.
        rounds: timed repeats per point after one warm-up.
        timer: times one call.
        exhausted: errors that mean the device's memory is too small.
        step: called after each point.
    """
    for length in sorted(lengths):
        ready: dict[str, Work] = {}
        for arm, prepare in arms.items():
            try:
                work = prepare(length)
                work()
                ready[arm] = work
            except exhausted as error:
                reason = str(error).partition("\n")[0] or "out of memory"
                yield Point(arm=arm, length=length, seconds=None, reason=reason)
                step()
        found: dict[str, list[float]] = {arm: [] for arm in ready}
        for arm, _, duration in interleaved(ready, rounds=rounds, warmup=0, timer=timer):
            found[arm].append(duration.busy_s)
        for arm, values in found.items():
            middle = median(values)
            yield Point(
                arm=arm,
                length=length,
                seconds=middle.value,
                lo=middle.lo,
                hi=middle.hi,
                rounds=middle.n,
                reason=middle.reason,
            )
            step()


def grow(points: Sequence[Point]) -> list[Growth]:
    """Fit every arm's growth over the lengths that have a value."""
    found: list[Growth] = []
    for arm in dict.fromkeys(point.arm for point in points):
        pairs = [(p.length, p.seconds) for p in points if p.arm == arm and p.seconds]
        if len(pairs) < 2:
            reason = f"{len(pairs)} lengths have a value, a growth needs two"
            found.append(Growth(arm=arm, exponent=None, points=len(pairs), reason=reason))
            continue
        lengths, seconds = [pair[0] for pair in pairs], [float(pair[1] or 0) for pair in pairs]
        power = power_law(lengths, seconds)
        found.append(
            Growth(
                arm=arm,
                exponent=power.slope,
                lo=power.lo,
                hi=power.hi,
                r2_line=linear(lengths, seconds).r2,
                points=power.n,
                reason=power.reason,
            )
        )
    return found


def load_profile(text: bytes, where: str) -> Profile:
    """Read a stored profile.

    Raises:
        DataError: it is none.
    """
    try:
        found = msgspec.json.decode(text, type=Profile)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise DataError(f"this is not a profile: {error}", where=where) from error
    if found.schema != SCHEMA:
        raise DataError(f"schema {found.schema!r}", expected=SCHEMA, where=where)
    return found


def against(new: Profile, old: Profile) -> list[Ratio]:
    """Return new over old, point by point; another machine class or network is incomparable.

    The interval pairs the ends of the two medians' intervals, so it errs wide.
    """
    same = ("device", "processor", "cpus", "threads")
    differs = [name for name in same if new.machine.get(name) != old.machine.get(name)]
    differs += ["config"] if new.config != old.config else []
    before = {(point.arm, point.length): point for point in old.points}
    ratios: list[Ratio] = []
    for point in new.points:
        earlier = before.get((point.arm, point.length))
        reason = f"incomparable: {', '.join(differs)} differ" if differs else ""
        if not reason and (earlier is None or not earlier.seconds or not point.seconds):
            reason = "no value on both sides"
        if reason or earlier is None or not earlier.seconds or not point.seconds:
            ratios.append(Ratio(arm=point.arm, length=point.length, ratio=None, reason=reason))
            continue
        known = point.lo and point.hi and earlier.lo and earlier.hi
        ratios.append(
            Ratio(
                arm=point.arm,
                length=point.length,
                ratio=point.seconds / earlier.seconds,
                lo=point.lo / earlier.hi if known and point.lo and earlier.hi else None,
                hi=point.hi / earlier.lo if known and point.hi and earlier.lo else None,
                reason="" if known else "too few repeats for an interval",
            )
        )
    return ratios
