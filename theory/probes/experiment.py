"""The experiments behind ``bound probe``, made from settings; what can be named."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from harness.base import Scalar
from harness.errors import ConfigError
from harness.importing import PREFIX, load_function
from harness.notebook import Notebook
from harness.protocols import Evidence, Experiment
from harness.settings import complete
from theory.catalog.notebook import SECTION
from theory.maths.checks import count
from theory.probes.choices import FOLLOWED, TARGETS, WIDTH, Size, require_target
from theory.probes.factorisation import Factorisation

SIZE = asdict(Size())
DEFAULTS: dict[str, Scalar] = {"target": "reference", "seed": 0, **SIZE, "fps": 16.0}
"""Settings of a probe: what, the seed, sequences, latent frames, latent side, frames per second."""
OWN: dict[str, Scalar] = {"bound": "", "seed": 0, "sequences": 2, "steps": 96, "width": WIDTH}
"""Settings of a probe of a stated recursion: a bound of one's own, seed, and sizes of inputs."""
MOST_NUMBERS = 2**27
"""Of the inputs of a stated recursion."""
FACTORISATION, LEAST = "factorisation", 200
"""The target that is no layer, and the fewest draws of it."""
LARGE: dict[str, Scalar] = {"sequences": 16, "frames": 12}
"""At the larger size a sequence is 192 scan steps long."""
VERSION = 2


class Probe:
    """The probe of one target (see ``probe.probe_rows``); networks are loaded when it runs."""

    def __init__(
        self, target: str, seed: int = 0, size: Size | None = None, fps: float = 16.0
    ) -> None:
        self.size, self.seed, self.target = size or Size(), seed, target
        self.fps, name = fps, Path(target).name
        self.name, self.title = f"theory/probe/{name}", f"Probe of {name}"
        asked = {"target": target, "seed": seed, **asdict(self.size), "fps": fps}
        self.settings: dict[str, Scalar] = {"version": VERSION, **asked}

    def run(self, known: Mapping[str, Evidence], scratch: Path) -> Iterator[Evidence]:
        """Yield every row about the target."""
        from theory.probes.probe import probe_rows

        book = Notebook(self.name, SECTION, self.settings)
        yield from probe_rows(book, self.target, self.seed, self.size, self.fps)


def probe(settings: Mapping[str, Scalar]) -> Sequence[Experiment]:
    """Return the probe of one target.

    Raises:
        UserError: an unknown setting or target, a size that cannot be, a package not installed.
    """
    if settings.get("target") == FACTORISATION:
        asked = complete(settings, {"target": FACTORISATION, "seed": 0, "samples": 4000})
        count("samples", asked["samples"], LEAST)
        return [Factorisation(asked["seed"], asked["samples"])]
    target = str(settings.get("target", ""))
    if target.startswith(PREFIX) or target in FOLLOWED:
        return [own(target, {k: v for k, v in settings.items() if k != "target"})]
    found = complete(settings, DEFAULTS)
    size = Size(*(found[name] for name in SIZE))
    if not found["fps"] > 0.0:
        raise ConfigError(f"fps = {found['fps']}", expected="a positive number")
    require_target(found["target"], [*FOLLOWED, FACTORISATION])
    return [Probe(found["target"], found["seed"], size, found["fps"])]


def own(target: str, settings: Mapping[str, Scalar]) -> Experiment:
    """Return the probe of a stated recursion: of a function, or of a layer that is followed."""
    from theory.probes.own import Given, OwnLayer

    found = complete(settings, OWN)
    for name, least in (("sequences", 1), ("steps", 2), ("width", 1)):
        count(name, found[name], least)
    for name in (target, found["bound"]):
        if name.startswith(PREFIX):
            load_function(name.removeprefix(PREFIX), name)  # before anything is run
    if target in FOLLOWED:
        require_target("fla")
        if found["width"] != WIDTH:
            raise ConfigError(f"width = {found['width']}", expected=f"{WIDTH}, which {target} has")
    if found["sequences"] * found["steps"] * found["width"] > MOST_NUMBERS:
        raise ConfigError("sequences times steps times width", expected=f"at most {MOST_NUMBERS}")
    if found["bound"] and not found["bound"].startswith(PREFIX):
        raise ConfigError(f"bound = {found['bound']!r}", expected="python:MODULE:FUNCTION")
    return OwnLayer(Given(target=target, **found))


def targets() -> list[tuple[str, str]]:
    """Return what can be probed by name, each with a few words on what it is."""
    paths = ("PATH", "released weights: a .safetensors file, its index, or their folder")
    own = f"{PREFIX}MODULE:FUNCTION", "a layer of your own: inputs to a stated recursion"
    return [
        *TARGETS.items(),
        *((name, f"fla's layer: {words}") for name, words in FOLLOWED.items()),
        own,
        (FACTORISATION, "tasks: what window and memory leave of m (A5)"),
        paths,
    ]


def quick(seed: int) -> Sequence[Experiment]:
    """Return the probe that every run includes: the reference model, small."""
    return probe({"target": "reference", "seed": seed})


def full(seed: int) -> Sequence[Experiment]:
    """Return probes of all that needs no weights; fla's layer where fla is installed."""
    named = [name for name in TARGETS if name != "fla" or importlib.util.find_spec("fla")]
    layers = [probe({"target": name, "seed": seed, **LARGE})[0] for name in named]
    return [*layers, Factorisation(seed)]
