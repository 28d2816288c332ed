"""Code that must not end a run: an unforeseen error becomes a reason and a log entry."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

log = logging.getLogger(__name__)


def attempt(call: Callable[[], T]) -> tuple[T | None, str]:
    """Return what ``call`` returns and no reason, or nothing and why it failed."""
    found, error = tried(call)
    if error is None:
        return found, ""
    log.error("unexpected error; the run goes on and this value is missing", exc_info=error)
    return None, f"unexpected {type(error).__name__}: {error}"


def tried(call: Callable[[], T]) -> tuple[T | None, Exception | None]:
    """Return what ``call`` returns, or what it raises as a value; ``sys.exit`` is an error too.

    This is the only broad ``except`` of the project.
    """
    try:
        return call(), None
    except Exception as error:  # noqa: BLE001 - the caller gets it
        return None, error
    except SystemExit as error:
        return None, RuntimeError(f"it leaves the program by sys.exit({error.code!r})")
