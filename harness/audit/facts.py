"""Constants of the text that no cell carries; see ``facts.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from harness.audit.spec import CheckSpec

Fact = Mapping[str, Any]


@dataclass(frozen=True)
class Facts:
    """Recorded facts by operation."""

    by_op: Mapping[str, list[Fact]]

    def applying(self, spec: CheckSpec, models: set[str] = frozenset()) -> Fact | None:  # type: ignore[assignment]
        """Return the fact recorded for a check's operation, table, source and models."""
        for fact in self.by_op.get(spec.op, []):
            if (
                fact.get("table", spec.table) == spec.table
                and ("source" not in fact or fact["source"] in spec.sources)
                and ("model" not in fact or fact["model"] in models)
            ):
                return fact
        return None


@cache
def load_facts() -> Facts:
    """Return the facts that ship with the project."""
    text = (files("harness.audit") / "facts.toml").read_text(encoding="utf-8")
    return Facts(tomllib.loads(text))
