"""Functions of the user's own, named ``MODULE:FUNCTION``."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.attempt import tried
from harness.errors import ConfigError
from harness.keys import digest_of

PREFIX = "python:"
"""What a name of one's own begins with on the command line."""


def load_function(name: str, where: str) -> Callable[..., Any]:
    """Import ``module:function``, looking in the working directory too.

    Args:
        name: without ``python:``.
        where: what asked for it, for messages.

    Raises:
        ConfigError: the name has another form, the module cannot be imported, or has no such
            function.
    """
    module_name, _, function_name = name.partition(":")
    if not module_name or not function_name:
        raise ConfigError(
            f"{name!r} names no function", expected="python:MODULE:FUNCTION", where=where
        )
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    found, error = tried(lambda: importlib.import_module(module_name))
    if error is not None:
        absent = isinstance(error, ImportError)
        raise ConfigError(
            f"cannot import {module_name!r}: {type(error).__name__}: {error}",
            where=where,
            hint="run from the directory that holds the module, or install it"
            if absent
            else "mend the module; what it runs as a program belongs under `if __name__`",
        ) from error
    function = getattr(found, function_name, None)
    if not callable(function):
        known = [n for n in vars(found) if not n.startswith("_") and callable(getattr(found, n))]
        raise ConfigError(
            f"{module_name!r} has no function {function_name!r}",
            where=where,
            hint=f"it has {', '.join(known[:8]) or 'none'}",
        )
    return function


def source_digest(name: str) -> str:
    """Return the digest of the file of an imported ``module:function``; empty without a file."""
    file = getattr(sys.modules[name.partition(":")[0]], "__file__", None)
    return digest_of(Path(file).read_bytes()) if file else ""
