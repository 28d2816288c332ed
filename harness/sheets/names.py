"""Names of rows and columns, as they are compared."""

from __future__ import annotations

import unicodedata


def plain(text: str) -> str:
    """Return a name as names are compared: no case, spaces or punctuation, except + and #."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(one for one in folded if one.isalnum() or one in "+#")
