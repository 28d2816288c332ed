"""Which sentence a LIBERO-Plus policy gets: the three modes.

The registry makes a task's instruction from its file name, the perturbation's name included, so
that 8,493 of the 10,030 sentences end like "view 0 0 100 0 0 initstate 11". ``registry`` passes
that on, as the published numbers were made; ``stripped`` cuts it off; ``bddl`` gives the
differently worded sentence of the base task's file, read from the user's checkout.

Source: LIBERO-plus 4976dc3 ``libero/libero/benchmark/__init__.py:46-72``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from harness.errors import ConfigError, DataError, nearest

PromptMode = Literal["registry", "stripped", "bddl"]
MODES = ("registry", "stripped", "bddl")
SUITES = ("libero_spatial", "libero_object", "libero_goal", "libero_10")

TAIL = re.compile(
    r" (view( -?\d+){5} initstate \d+( noise \d+)?"
    r"|(table|tb|light|add) \d+|(moved )?level\d+ sample\d+)$"
)
_LANGUAGE = re.compile(r"\(:language\s+([^()]*?)\s*\)")
_SCENE = re.compile(r"^[A-Z_]+_SCENE\d+_")


def strip_tail(sentence: str) -> str:
    """Cut the perturbation's name off a registry sentence; other sentences stay as they are."""
    return TAIL.sub("", sentence)


def prompt_rule(mode: str, bddl_files: Path | None = None) -> Callable[[str], str]:
    """Return what turns a registry sentence into the one that the policy gets.

    Args:
        mode: one of ``MODES``.
        bddl_files: folder of the checkout that holds the four suites' ``*.bddl``; for ``bddl``.

    Raises:
        ConfigError: no such mode, or ``bddl`` without its folder.
        DataError: the folder does not hold the base tasks.
    """
    if mode not in MODES:
        raise ConfigError(f"unknown prompt mode {mode!r}", hint=nearest(mode, MODES))
    if mode == "registry":
        return str
    if mode == "stripped":
        return strip_tail
    if bddl_files is None:
        raise ConfigError(
            "prompt mode 'bddl' reads the sentences of the task files", where="--prompt bddl",
            hint="add --bddl-files LIBERO-plus/libero/libero/bddl_files",
        )  # fmt: skip
    sentences = bddl_sentences(bddl_files)

    def rule(sentence: str) -> str:
        base = strip_tail(sentence)
        # A reworded instruction is in its own task file already and has no other wording.
        return sentences.get(base, base)

    return rule


def bddl_sentences(folder: Path) -> dict[str, str]:
    """Return the task file's sentence of each of the 40 base tasks, by its registry sentence.

    Raises:
        DataError: a suite's folder is missing, or its files are not the ten base tasks and more.
    """
    found: dict[str, str] = {}
    for suite in SUITES:
        base = [path for path in sorted((folder / suite).glob("*.bddl")) if _is_base(path.stem)]
        if len(base) != 10:
            raise DataError(
                f"{len(base)} base tasks in {suite}", where=str(folder / suite), expected="10",
                hint="name the folder libero/libero/bddl_files of a LIBERO-plus checkout",
            )  # fmt: skip
        for path in base:
            sentence = _LANGUAGE.search(path.read_text(encoding="utf-8"))
            if sentence is None:
                raise DataError("no (:language ...) in a task file", where=str(path))
            name = _SCENE.sub("", path.stem).replace("_", " ")
            found[name] = sentence.group(1).lower()  # as the environment reports it
    return found


def _is_base(stem: str) -> bool:
    """Say whether a task file is that of a base task: no perturbation, no stray copy."""
    plain = stem.replace("_", " ")
    return TAIL.search(plain) is None and not re.search(r" language \d+$| copy( \d+)?$", plain)
