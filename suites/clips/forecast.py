"""What can be said before anything is measured: time, mismatches of headers, power."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from harness.stats.power import margin_power
from harness.video import DecodeError, Header, header
from suites.clips.contrasts import Key
from suites.clips.folders import Clip, Folder
from suites.clips.measures.timing import SHORT_SIDE
from suites.clips.settings import Settings

FRAME_SECONDS = 0.041
"""Processor time that a frame takes at a short side of 256, flow at every second frame included."""
SPREAD = 0.25
"""Standard deviation of the log ratio of one pair that power is computed with."""
_SEEN = 50  # videos whose headers stand for all
_PAIRS = 200  # pairs whose headers are held against each other
_SMALLER = 0.8
_SAME_RATE = 1e-3  # relative


def headers(clips: Sequence[Clip]) -> dict[Key, Header]:
    """Return what the containers of clips say; one that cannot be read says nothing."""
    found: dict[Key, Header] = {}
    for clip in clips:
        try:
            if clip.path is not None:
                found[clip.key] = header(clip.path)
        except DecodeError:  # its rows will say so
            continue
    return found


def said(folders: Sequence[Folder], settings: Settings) -> Iterator[str]:
    """Yield how many videos there are and how long measuring them takes."""
    for side, folder in zip(("", "reference: "), folders, strict=False):
        count, prompts = len(folder.clips), len(folder.prompts)
        yield f"{side}{count} videos of {prompts} prompts, {count / max(1, prompts):.3g} a prompt"
    clips = [clip for folder in folders for clip in folder.clips]
    seen = headers(clips[:_SEEN]).values()
    frames = len(clips) * sum(one.frames for one in seen) / max(1, len(seen))
    cost = FRAME_SECONDS * (settings.analysis_short_side / SHORT_SIDE) ** 2
    if frames:
        yield f"about {frames:.0f} frames, {frames * cost / 60:.1f} minutes on one core"


def unlike(mine: Folder, theirs: Folder) -> Iterator[str]:
    """Yield where the headers of partners differ, field by field, with one example.

    Of many pairs some are looked at, evenly; verdicts rest on what is measured of all.
    """
    sides = [{clip.key: clip for clip in side.clips} for side in (mine, theirs)]
    pairs = sorted(sides[0].keys() & sides[1].keys())
    seen = pairs[:: -(-len(pairs) // _PAIRS) or 1]
    found = [headers([side[key] for key in seen]) for side in sides]
    both = sorted(found[0].keys() & found[1].keys())
    for name in Header._fields:
        apart = [key for key in both if _differ(name, *(side[key] for side in found))]
        if apart:
            values = [getattr(side[apart[0]], name) for side in found]
            example = f"{apart[0].title}: {values[0]} against {values[1]}"
            yield f"protocol mismatch: {name} of {len(apart)} of {len(both)} pairs, e.g. {example}"


def _differ(name: str, one: Header, other: Header) -> bool:
    """Say whether two headers state a field and state it differently; rates up to rounding."""
    values = getattr(one, name), getattr(other, name)
    slack = _SAME_RATE if name == "rate" else 0.0
    return all(values) and not math.isclose(*values, rel_tol=slack)


def power(prompts: int, seeds: float, ratio: tuple[float, float]) -> str:
    """Say what this many prompts and seeds can decide about a ratio."""
    spread = SPREAD / math.sqrt(seeds)
    margin = math.log(ratio[0]), math.log(ratio[1])
    found = [margin_power(prompts, margin, math.log(truth), spread) for truth in (_SMALLER, 1.0)]
    if None in found:
        return "power: one prompt decides nothing"
    smaller, same = found
    return (
        f"power with {prompts} prompts x {seeds:.3g} seeds: a true ratio of {_SMALLER} is found "
        f"with probability {smaller:.2f}, one of 1 called preserved with {same:.2f} (log ratios of "
        f"pairs spread by {SPREAD})"
    )
