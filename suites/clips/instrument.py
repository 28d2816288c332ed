"""What measures clips: an answer is a record, of one video or of the seeds of one prompt."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from harness.protocols import INSTRUMENT, Answer
from harness.records import JudgeId, Question, Record
from harness.video import decoder_id
from suites.clips import perceptual, seeds
from suites.clips.film import Compared, Film, measure
from suites.clips.flow import flow_id
from suites.clips.precomputed import read_features
from suites.clips.settings import FEATURES, Settings
from suites.instruments import Instrument

JUDGE = "clips"
"""The name that questions give of their judge."""
FILM = Question(id="film", judge=JUDGE)
"""What does a video show?"""
DIVERSITY = "diversity"
"""Id of the question how unlike the videos of one prompt are."""
VERSION = "2"
"""Of what is measured; another number means other values of the same files."""

Found = TypeVar("Found", bound=Record)


def make_meter(settings: Settings, network: perceptual.Network | None = None) -> Instrument:
    """Return what measures clips by the settings of a task.

    Args:
        settings: of the task.
        network: what measures perceptual distances, where the task asks for one.

    Raises:
        PreconditionError: the video extra is not installed.
    """
    fixed = {
        "analysis_short_side": settings.analysis_short_side,
        "flow": flow_id(settings.flow),
        "step": settings.step or "from the rate",
        "decoder": decoder_id(),
        "distance": settings.distance if network is None else network.identity,
        "start": settings.start,
        "rate": settings.rate,
    }
    identity = JudgeId(kind=INSTRUMENT, name="clip meter", revision=VERSION, settings=fixed)
    return Instrument(identity, partial(_measured, settings, network))


def _measured(
    settings: Settings,
    network: perceptual.Network | None,
    question: Question,
    media: Sequence[Path],
) -> Film | seeds.Seeds:
    """Measure one video, with features where they are given, or the seeds of a prompt."""
    side, flow, own = settings.analysis_short_side, settings.flow, settings.distance == FEATURES
    distance = None if own else perceptual.distance_of(network)
    if question.id == FILM.id:
        features = read_features(media[1]) if len(media) > 1 else None
        compared = Compared(distance, settings.rate, features)
        return measure(media[0], side, flow, settings.step, compared)
    if distance is None:
        return seeds.compare_features(media)
    return seeds.compare(media, distance, settings.start, settings.rate, flow)


def read_film(answer: Answer) -> Film | None:
    """Return what was measured on a video; None where it could not be."""
    return _read(answer, Film)


def read_seeds(answer: Answer) -> seeds.Seeds | None:
    """Return how unlike the seeds of a prompt are; None where that could not be measured."""
    return _read(answer, seeds.Seeds)


def _read(answer: Answer, kind: type[Found]) -> Found | None:
    return None if answer.raw is None else msgspec.json.decode(answer.raw, type=kind)
