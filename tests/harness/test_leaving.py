"""Code of others that calls ``sys.exit`` does not decide how the command ends."""

from __future__ import annotations

import pytest

from harness.attempt import tried
from harness.cli import main as cli


def leaves() -> None:
    raise SystemExit(0)


def nobody_reads() -> None:
    try:
        raise BrokenPipeError
    except BrokenPipeError:
        raise SystemExit(1)  # noqa: B904 - as printers of tables do


def test_leaving_is_an_error_and_never_success(monkeypatch: pytest.MonkeyPatch) -> None:
    found, error = tried(leaves)
    assert found is None
    assert "sys.exit(0)" in str(error)
    monkeypatch.setattr(cli, "run_verb", leaves)
    with pytest.raises(RuntimeError, match="sys.exit"):
        cli.outcome()


def test_a_reader_that_went_away_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "run_verb", nobody_reads)
    assert cli.outcome() == (0, "")
