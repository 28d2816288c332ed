"""Prepare a local LIBERO-Plus simulator, in an environment of its own, from your checkouts.

    python -P -m suites.liberoplus.prepare_local --libero-plus DIR --libero DIR --into simulator

The simulator never enters this project's process: it gets a virtual environment, a copy of the
LIBERO-Plus code joined with the base assets of LIBERO, and ``simulator.json``, which says how to
start vla-eval in it. Running the script again continues where it stopped. With base assets alone
7,045 of the 10,030 tasks can be made; a result on them is the *base-assets subset*, not the table.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from harness.errors import ConfigError, DataError, PreconditionError, UserError
from harness.files import atomic_write
from harness.keys import file_sha256

APT = "libegl1 libegl-mesa0 libgl1 libgl1-mesa-dri libosmesa6 libmagickwand-6.q16-6"
TORCH = "torch==2.13.0"
PACKAGES = (
    "numpy==1.26.4", "mujoco==3.3.2", "robosuite==1.4.0", "bddl==1.0.1",
    "opencv-python==4.11.0.86", "termcolor", "future", "easydict", "cloudpickle", "gym==0.25.2",
    "PyYAML", "matplotlib", "Wand", "scikit-image", "vla-eval==0.8.0",
)  # fmt: skip
CLASSIFICATION = "libero/libero/benchmark/task_classification.json"
CLASSIFICATION_SHA256 = "faa87cce3e3ba434da01df7c77523a391b5f2912e4774330b0aa1be5f6a999e6"
ASSETS = "libero/libero/assets"
BASE_ASSETS = 585
"""Files under LIBERO's assets at commit 8f1084e; fewer means an incomplete checkout."""
COUNT_TASKS = """
from libero.libero import benchmark
print(len(benchmark.get_benchmark("libero_object")().tasks))
"""
NOTICE = """\
Licences: LIBERO is MIT. The LIBERO-Plus repository states no licence, so its code stays in your
checkout and in the folder made here, for your own evaluation; do not pass that folder on.
System packages (Debian names), once, as root:
    apt-get install -y --no-install-recommends """


def check_checkouts(plus: Path, base: Path) -> list[str]:
    """Hold both checkouts against what is known of them; return what was noticed.

    Raises:
        PreconditionError: a checkout lacks what is needed, with where to get it.
        DataError: the task classification is not the one behind the table.
    """
    if not (plus / CLASSIFICATION).is_file():
        raise PreconditionError(
            "this is no LIBERO-Plus checkout", where=str(plus), expected=CLASSIFICATION,
            hint="git clone https://github.com/sylvestf/LIBERO-plus",
        )  # fmt: skip
    if not (base / ASSETS / "scenes").is_dir():
        raise PreconditionError(
            "this is no LIBERO checkout with assets", where=str(base), expected=ASSETS,
            hint="git clone https://github.com/Lifelong-Robot-Learning/LIBERO",
        )  # fmt: skip
    digest = file_sha256(plus / CLASSIFICATION)
    if digest != CLASSIFICATION_SHA256:
        raise DataError(
            f"the task classification has SHA-256 {digest}", where=str(plus / CLASSIFICATION),
            expected=CLASSIFICATION_SHA256, hint="use the commit that the README names",
        )  # fmt: skip
    count = sum(path.is_file() for path in (base / ASSETS).rglob("*"))
    if count < BASE_ASSETS:
        return [f"{count} of {BASE_ASSETS} base assets are there: some tasks will fail to start"]
    return []


def join_sources(plus: Path, base: Path, into: Path) -> Path:
    """Copy the code of LIBERO-Plus and the assets of LIBERO side by side, once."""
    source = into / "source"
    if not (source / ASSETS).is_dir():
        partial = into / "source.partial"
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(plus / "libero", partial / "libero")
        shutil.copytree(base / ASSETS, partial / ASSETS, dirs_exist_ok=True)
        partial.rename(source)
    root = source / "libero" / "libero"
    places = {
        "benchmark_root": root, "bddl_files": root / "bddl_files", "assets": root / "assets",
        "init_states": root / "init_files", "datasets": into / "datasets",
    }  # fmt: skip
    lines = [f"{name}: {json.dumps(str(path))}" for name, path in places.items()]
    atomic_write(into / "config" / "config.yaml", "\n".join(lines) + "\n")
    return source


def make_environment(into: Path) -> Path:
    """Create the virtual environment with pinned packages; return its folder of programs."""
    programs = into / "env" / "bin"
    if not (programs / "vla-eval").exists():
        venv.create(into / "env", with_pip=True)
        for packages in (
            (TORCH,),
            PACKAGES,
        ):  # torch first and alone: a CPU build where there is one
            run([programs / "pip", "install", "--quiet", *packages])
    return programs


def variables(into: Path, render: str) -> dict[str, str]:
    """Return what the simulator's process must find in its environment."""
    return {
        "MUJOCO_GL": render,
        "PYOPENGL_PLATFORM": render,
        "LIBERO_CONFIG_PATH": str(into / "config"),
        "PYTHONPATH": str(into / "source"),
    }


def run(command: list[str | Path], extra: dict[str, str] | None = None) -> str:
    """Run a program to its end and return what it printed.

    Raises:
        PreconditionError: it failed; shows its last lines.
    """
    arguments = [str(part) for part in command]
    done = subprocess.run(  # noqa: S603 -- programs of the environment made here
        arguments, env={**os.environ, **(extra or {})}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-8:])
        raise PreconditionError(f"`{' '.join(arguments[:3])} ...` failed:\n{tail}",
                                hint="mend this and run the same command again")  # fmt: skip
    return done.stdout


def prepare(plus: Path, base: Path, into: Path, render: str) -> Path:
    """Do every step that is not done; return the file that describes the simulator."""
    if render not in ("osmesa", "egl"):
        raise ConfigError(f"--render {render}", expected="osmesa or egl")
    noticed = check_checkouts(plus, base)
    into = into.resolve()
    join_sources(plus, base, into)
    programs = make_environment(into)
    found = variables(into, render)
    lines = run([programs / "python", "-c", COUNT_TASKS], found).split()
    described = {
        "vla_eval": str(programs / "vla-eval"), "variables": found,
        "tasks_of_libero_object": int(lines[-1]), "notes": noticed,
        "classification_sha256": CLASSIFICATION_SHA256,
    }  # fmt: skip
    path = into / "simulator.json"
    atomic_write(path, json.dumps(described, indent=1) + "\n")
    return path


def main() -> int:
    """Read the command line, prepare, say what to do next."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--libero-plus", type=Path, required=True, help="your checkout")
    parser.add_argument("--libero", type=Path, required=True, help="your checkout, with assets")
    parser.add_argument("--into", type=Path, required=True, help="folder to make (about 3 GB)")
    parser.add_argument("--render", default="osmesa", help="osmesa (default) or egl")
    asked = parser.parse_args()
    sys.stdout.write(f"{NOTICE}{APT}\n")
    try:
        path = prepare(asked.libero_plus, asked.libero, asked.into, asked.render)
    except UserError as error:
        sys.stderr.write(f"error: {error.message()}\n")
        return error.code
    sys.stdout.write(f"ready: {path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
