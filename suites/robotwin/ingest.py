"""Every result format of RoboTwin, read from file contents by path.

Contents are given as text or as parsed JSON, so that files on disk, archives and test cases share
one reader. Overlapping results are refused, never averaged.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from harness.errors import DataError
from suites._cases import as_json
from suites._vla_eval import Episode
from suites.robotwin.aggregate import Cell, Ingested
from suites.robotwin.tasks import PHASES, STEP_LIMITS, task_name

Contents = Mapping[str, Any]  # path -> text or parsed JSON
OLDEST = (0, 8, 0)  # vla-eval cut every episode at 400 steps before


def kairos_chunks(files: Contents) -> Ingested:
    """Read ``chunk_result.json`` files; episode records win over the counts beside them."""
    found, seen, overflow = Ingested(), set[tuple[str, str, int]](), dict[Cell, int]()
    for path, content in files.items():
        chunk = as_json(content, path)
        cell = _cell(chunk["task_name"], chunk["phase"], path)
        name = (*cell, chunk["chunk_idx"])
        if name in seen:
            raise DataError(f"chunk {name[2]} of {cell[0]} / {cell[1]} stands twice", where=path)
        seen.add(name)
        k, n = int(chunk["success_count"]), int(chunk["episode_count"])
        records = chunk.get("episode_records")
        if records is not None:
            counted = (sum(_success(r["success"], path) for r in records), len(records))
            if counted != (k, n):
                found.warnings.append(f"inconsistent_counts:{path}")
            k, n = counted
            seeds = [record["seed"] for record in records if "seed" in record]
        else:
            seeds = list(chunk.get("used_seeds", []))
        _add(found, cell, k, n)
        found.seeds.setdefault(cell, []).extend(seeds)
        if chunk.get("instruction_type"):
            found.instruction_types.add(chunk["instruction_type"])
        if chunk.get("exceeded_candidate_range"):
            overflow[cell] = overflow.get(cell, 0) + 1
    found.warnings += [f"seed_window_overflow:{t}:{p}:{n}" for (t, p), n in overflow.items()]
    return found


def kairos_summary_json(files: Contents) -> Ingested:
    """Read ``summary.json``: task, phase, counts; a phase without episodes is absent."""
    found = Ingested()
    for path, content in files.items():
        for task, phases in as_json(content, path).items():
            for phase, row in phases.items():
                n = int(row["episode_count"])
                if n:
                    _add(found, _cell(task, phase, path), int(row["success_count"]), n)
    return found


def kairos_summary_csv(files: Contents) -> Ingested:
    """Read ``summary.csv`` with counts; a blank rate means that nothing finished."""
    found = Ingested()
    for path, content in files.items():
        for row in csv.DictReader(io.StringIO(content, newline="")):
            for phase in ("clean", "random"):
                n = int(row[f"{phase}_episode_count"] or 0)
                if n:
                    k = int(row[f"{phase}_success_count"])
                    _add(found, _cell(row["task_name"], phase, path), k, n)
    return found


def kairos_resummary_csv(files: Contents, expected_episodes: int) -> Ingested:
    """Read the re-summariser's CamelCase table; its overall row is left out.

    Without counts, k is the rate times the expected episodes, rounded half up.
    """
    found = Ingested()
    for path, content in files.items():
        for row in csv.DictReader(io.StringIO(content, newline="")):
            if row["task_name"] == "__overall__":
                continue
            task = task_name(row["task_name"])
            for phase in ("clean", "random"):
                text = (row.get(f"{phase}_success_rate") or "").strip()
                if not text:
                    continue
                n = int(row.get(f"{phase}_episode_count") or expected_episodes)
                given = row.get(f"{phase}_success_count")
                k = int(given) if given else half_up(_rate(text, path) * n)
                _add(found, _cell(task, phase, path), k, n)
    return found


def official_result_txt(files: Contents, expected_episodes: int) -> Ingested:
    """Read ``_result.txt`` files; of several timestamps of one task and phase the latest wins."""
    runs: dict[Cell, list[tuple[str, str]]] = {}
    for path in files:
        parts = PurePosixPath(path).parts
        if "eval_result" not in parts:
            raise DataError(
                "not an official result path",
                where=path,
                expected="eval_result/<task>/<policy>/<task_config>/.../_result.txt",
            )
        parts = parts[parts.index("eval_result") :]
        runs.setdefault(_cell(parts[1], parts[3], path), []).append((parts[-2], path))
    found = Ingested()
    for cell, stamped in runs.items():
        stamped.sort()
        if len(stamped) > 1:
            found.warnings.append(f"superseded:{cell[0]}:{cell[1]}:{len(stamped) - 1}")
        path = stamped[-1][1]
        lines = [line.strip() for line in str(files[path]).splitlines() if line.strip()]
        found.instruction_types |= {
            line.partition(":")[2].strip() for line in lines if line.startswith("Instruction Type")
        }
        rate = _rate(lines[-1] if lines else "", path)
        scaled = rate * expected_episodes
        if abs(scaled - round(scaled)) > 1e-9 * expected_episodes:
            found.warnings.append(f"rate_not_multiple:{cell[0]}:{cell[1]}")
        _add(found, cell, half_up(scaled), expected_episodes)
    return found


def vla_eval(episodes: list[Episode], reruns: Mapping[Cell, int]) -> Ingested:
    """Take in vla-eval episodes; errors count as failures and are listed beside.

    Raises:
        DataError: a harness before 0.8.0, a skipped expert check, another suite, or one episode
            twice.
    """
    found, errors, seen = Ingested(), dict[Cell, int](), set[tuple[object, ...]]()
    for episode in episodes:
        params, where = episode.params, episode.source
        if "task_name" not in params or "task_config" not in params:
            raise DataError(
                "these are not RoboTwin results",
                where=where,
                expected="params with task_name and task_config",
            )
        if version(episode.harness_version) < OLDEST:
            raise DataError(
                f"vla-eval {episode.harness_version}",
                where=where,
                expected="0.8.0 or later: earlier ones cut episodes at 400 steps",
            )
        if params.get("skip_expert_check"):
            raise DataError(
                "the expert check was skipped, which replaces the instruction",
                where=where,
                expected="skip_expert_check: false",
            )
        cell = _cell(params["task_name"], params["task_config"], where)
        key = (*cell, episode.context.get("seed"), episode.context.get("task_idx"))
        if episode.context.get("seed") is not None and key in seen:
            raise DataError(
                f"the episode {key} stands twice",
                where=where,
                hint="merge only results whose episodes are disjoint",
            )
        seen.add(key)
        _add(found, cell, int(episode.success), 1)
        found.seeds.setdefault(cell, []).extend(
            [episode.context["seed"]] if episode.context.get("seed") is not None else []
        )
        if params.get("instruction_type"):
            found.instruction_types.add(params["instruction_type"])
        if episode.error:
            errors[cell] = errors.get(cell, 0) + 1
    found.warnings += [f"error_episodes:{t}:{p}:{n}" for (t, p), n in errors.items()]
    found.warnings += [f"rerun_items:{t}:{p}:{n}" for (t, p), n in reruns.items() if n]
    return found


def version(text: str) -> tuple[int, ...]:
    """Return a version as numbers; an unknown one is older than all."""
    parts = [part for part in text.split(".")[:3] if part.isdecimal()]
    return tuple(map(int, parts))


def half_up(value: float) -> int:
    """Return the nearest whole number, halves up."""
    return math.floor(value + 0.5)


def _cell(task: str, phase: str, path: str) -> Cell:
    if task not in STEP_LIMITS:
        raise DataError(f"unknown task {task!r}", where=path, expected="one of the fifty tasks")
    if phase not in PHASES:
        raise DataError(f"unknown phase {phase!r}", where=path, expected=", ".join(PHASES))
    return task, PHASES[phase]


def _add(found: Ingested, cell: Cell, k: int, n: int) -> None:
    before = found.counts.get(cell, (0, 0))
    found.counts[cell] = (before[0] + k, before[1] + n)


def _success(value: Any, path: str) -> bool:
    if value not in (True, False, 0, 1):
        raise DataError(f"success is {value!r}", where=path, expected="true or false")
    return bool(value)


def _rate(text: str, path: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise DataError(f"the rate {text!r} is no number", where=path) from error
    if not 0 <= value <= 1:
        raise DataError(f"the rate {text} is outside 0..1", where=path)
    return value
