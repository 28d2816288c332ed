"""A server's key: read from the environment, sent in a header, and shown nowhere."""

from __future__ import annotations

import os
import re

from harness.errors import PreconditionError

_SHORTEST = 8  # shorter keys, such as "EMPTY", are placeholders and ordinary words


class Secret:
    """A key, or none, that can be sent and cut out of texts.

    Args:
        variable: name of the environment variable that holds the key; None for no key.

    Raises:
        PreconditionError: the variable is not set, or no header can carry what it holds.
    """

    def __init__(self, variable: str | None) -> None:
        self._key = None if variable is None else os.environ.get(variable, "").strip()
        # The library quotes a header that it cannot send in its error, so the key is checked here.
        if self._key is not None and not re.fullmatch(r"[!-~]+", self._key):
            raise PreconditionError(
                f"the environment variable {variable} holds no usable key",
                expected="printable ASCII characters without blanks",
                where="judge.api_key_env",
                hint=f"set {variable} to the server's key, or leave judge.api_key_env out",
            )

    def __repr__(self) -> str:
        return "Secret(none)" if self._key is None else "Secret(set)"

    def headers(self) -> dict[str, str]:
        """Return the header that carries the key."""
        return {} if self._key is None else {"Authorization": f"Bearer {self._key}"}

    def cut(self, text: str) -> str:
        """Return ``text`` without the key; servers quote keys in their errors."""
        if self._key is None or len(self._key) < _SHORTEST:
            return text
        return text.replace(self._key, "[key]")

    def cut_bytes(self, content: bytes) -> bytes:
        """Return ``content`` without the key, before any of it is shortened or parsed."""
        if self._key is None or len(self._key) < _SHORTEST:
            return content
        return content.replace(self._key.encode(), b"[key]")
