"""Films of clips: processor seconds for a clip of 480p, and memory that does not grow with length.

Each measurement is a process of its own, imports included.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from suites.clips import planted

pytest.importorskip("av", reason="the video extra is not installed")
pytest.importorskip("cv2", reason="the video extra is not installed")

CHILD = """
import json, resource, sys, time
from pathlib import Path
from suites.clips.film import Compared, measure
from suites.clips.perceptual import Pooled

asked = Path(sys.argv[1]), 256, "dis-medium", 0, Compared(Pooled(), 4.0)
measure(*asked)  # imports and first calls
began = time.process_time()
film = measure(*asked)
spent = time.process_time() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": spent, "clip": film.seconds, "peak_mib": peak}))
"""


def film_of(path: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(path)], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Clips of 5 s and 15 s at 480p: frames of one second again and again, which cost as much."""
    folder = tmp_path_factory.mktemp("clips")
    shown = list(planted.frames("clean", 0, 0, (480, 832), 1.0))
    paths = {seconds: folder / f"{seconds}.mp4" for seconds in (5, 15)}
    for seconds, path in paths.items():
        planted.write(path, iter(shown * seconds))
    return paths


@pytest.mark.benchmark(group="clips")
def test_a_clip_of_five_seconds(benchmark, clips: dict[int, Path]) -> None:
    found = benchmark.pedantic(film_of, args=(clips[5],), rounds=1)
    benchmark.extra_info.update(found, per_clip_second=found["seconds"] / found["clip"])
    assert found["seconds"] < 4.0


@pytest.mark.benchmark(group="clips")
def test_time_is_linear_and_memory_bounded(benchmark, clips: dict[int, Path]) -> None:
    short, long = film_of(clips[5]), benchmark.pedantic(film_of, args=(clips[15],), rounds=1)
    benchmark.extra_info.update(long)
    assert long["seconds"] < 3.6 * short["seconds"]
    assert long["peak_mib"] < short["peak_mib"] + 64
