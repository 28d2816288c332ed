"""Which format a result log is of, by its content."""

from __future__ import annotations

from pathlib import Path

from harness.errors import DataError
from harness.logs.every_eval_ever import read_eee
from harness.logs.inspect_ai import is_zip, read_inspect
from harness.logs.lm_eval import dialect_of, read_folder, read_results, results_files
from harness.logs.log import Log
from harness.reading import load_json
from harness.store import PLAN

KNOWN = (
    "a log of inspect_ai (.eval, .json), results of lm-eval or lmms-eval with their samples, or "
    "an aggregate of Every Eval Ever 0.3.0"
)


def is_log(path: Path) -> bool:
    """Say whether a path is a log rather than a run directory: a file, or a folder of results."""
    if path.is_dir():
        return not (path / PLAN).exists() and bool(results_files(path))
    return path.is_file()


def open_log(path: Path) -> Log:
    """Read a result log of any known format.

    Raises:
        UserError: it is none, or not what it should be.
    """
    if path.is_dir():
        return read_folder(path)
    if path.suffix == ".eval" or is_zip(path):
        return read_inspect(path)
    document = load_json(path)
    fields = document if isinstance(document, dict) else {}
    if "schema_version" in fields and "evaluation_results" in fields:
        return read_eee(path, document)
    if "eval" in fields and "version" in fields:
        return read_inspect(path, document)
    if "results" in fields and (dialect := dialect_of(path)):
        return read_results(path, dialect)
    raise DataError("no result log of a known format", where=str(path), expected=KNOWN)
