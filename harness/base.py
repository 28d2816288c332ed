"""What every stored type is made of: one base class and the plain values a field may hold."""

from __future__ import annotations

import msgspec

SCHEMA = 1
"""Version of the stored types; written into every plan and journal."""

Scalar = str | int | float | bool | None


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all stored types: immutable, keyword-only, unknown fields are errors."""
