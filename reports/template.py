"""The template environment: autoescape always, undefined names are errors, nothing external."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.records import Level
from reports import svg
from reports.text import ICONS, plural


def environment() -> Environment:
    """Return the environment in which every page is drawn."""
    css, script = _static("report.css"), _static("report.js")
    made = Environment(
        loader=PackageLoader("reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(
        css=css,
        script=script,
        policy=policy(css, script),
        icons={level.value: icon for level, icon in ICONS.items()},
        levels=[level.value for level in Level],
        plural=plural,
        stacked_bar=svg.stacked_bar,
        forests=svg.forests,
    )
    return made


def policy(css: str, script: str) -> str:
    """Return a content policy that allows exactly our style and our script and no request."""
    return (
        f"default-src 'none'; style-src '{_digest(css)}'; script-src '{_digest(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _static(name: str) -> Markup:
    """Return a file of ours to stand inline; it holds no data."""
    return Markup((files("reports") / "static" / name).read_text(encoding="utf-8"))  # noqa: S704
