"""``kairos-eval``: claims met by evidence, with a computed verdict for each."""

from __future__ import annotations

import gc
import logging
import os
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any

import typer
import typer.core
from typer.main import get_command

from harness.cli import streams
from harness.errors import ConfigError, ExitCode, PreconditionError, UserError
from harness.escaping import lines
from harness.judges.secret import mask_logs
from harness.subproc import Ended, ending_on_signals

UsageProblem: type[typer.BadParameter] = typer.BadParameter.__mro__[2]  # pyright: ignore
"""What the parser raises for any wrong usage; its module depends on typer's version."""

PACKAGES = ("harness", "model", "theory", "suites", "reports")
VERBS = (
    "run plan report audit bound profile conform score recheck compare history rankings "
    "policy pack inspect show"
)
"""Modules beside this one that register verbs."""

GROUPS = {
    "Check a paper": "audit show list cell ranks votes pack",
    "Score your results": "init plan run report merge open score recheck compare explain history",
    "Statements and speed": "bound profile",
    "Robots": "serve probe-policy",
    "Files and conformance": "export verify conform doctor",
}
"""Verbs as ``--help`` lists them."""


class Grouped(typer.core.TyperGroup):
    """The list of verbs, by what one wants to do."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write one section per group; what belongs to none comes last."""
        named = " ".join(GROUPS.values()).split()
        rest = " ".join(name for name in self.commands if name not in named)
        for title, names in {**GROUPS, **({"More": rest} if rest else {})}.items():
            verbs = [(name, self.commands[name]) for name in names.split()]
            with formatter.section(title):
                formatter.write_dl([(name, verb.get_short_help_str(58)) for name, verb in verbs])


app = typer.Typer(
    name="kairos-eval",
    cls=Grouped,
    help=__doc__,
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 all well, 1 a gate failed, 2 usage, 3 incomplete, 4 a precondition is "
    "not met, 70 a bug; 130 interrupted, 143 and 129 ended by SIGTERM and SIGHUP, children first "
    "and what is stored kept. `kairos-eval VERB --help` explains each verb.",
)
for module in VERBS.split():
    import_module(f"harness.cli.{module}").register(app)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata

        print(f"kairos-eval {metadata.version('kairos-eval')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Log what happens, on stderr.")] = False,
) -> None:
    """Set up logging for any verb."""
    handler = logging.StreamHandler()
    handler.setFormatter(Plain(logging.BASIC_FORMAT))
    logging.basicConfig(level=logging.DEBUG if debug else logging.WARNING, handlers=[handler])
    mask_logs()


class Plain(logging.Formatter):
    """Writes records whose texts come from data as harmless lines."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record, and the traceback that it may hold, as text."""
        return lines(super().format(record))


BETWEEN_SWEEPS = 100_000
"""New objects between two searches for cycles: rows are many and hold none."""
GOES_ON = "what is stored stays, the same command goes on"


def main() -> None:
    """Run the command line and leave with a documented exit code."""
    sys.excepthook = _report_bug
    gc.set_threshold(BETWEEN_SWEEPS)
    streams.prepare()
    code, said = int(ExitCode.INTERRUPTED), ""
    with ending_on_signals() as ended, suppress(Ended):
        code, said = outcome()
    if ended:
        code, said = ended[0].code, f"{ended[0]}; {GOES_ON}"
    if said:
        streams.tell(said)
    streams.settle(sys.stderr)
    if ended:
        os._exit(code)  # a thread that still waits for a server holds nobody up
    sys.exit(int(code))


def outcome() -> tuple[int, str]:
    """Run a verb; return its exit code, and what to say of its end.

    A reader that went away is no failure; an output that takes no more is.
    """
    code, said = int(ExitCode.OK), ""
    failure: OSError | UnicodeError | None = None
    try:
        code = int(run_verb() or ExitCode.OK)
    except UserError as error:
        code, said = error.code, f"error: {lines(error.message())}"
    except UsageProblem as error:
        code = ExitCode.USAGE
        with suppress(OSError):
            error.show()
    except (KeyboardInterrupt, typer.Abort):
        code = ExitCode.INTERRUPTED
    except SystemExit as error:  # the printer of tables, once nobody reads
        if not isinstance(error.__context__, BrokenPipeError):
            raise RuntimeError(f"foreign code leaves by sys.exit({error.code!r})") from error
        failure = BrokenPipeError()
    except (OSError, UnicodeError) as error:
        logging.getLogger(__name__).debug("refused by the system", exc_info=True)
        failure = error
    failure = streams.settle(sys.stdout) or failure
    if isinstance(failure, BrokenPipeError):
        return ExitCode.OK, ""
    if failure:
        problem = refused(failure)
        return problem.code, f"error: {lines(problem.message())}"
    return code, f"interrupted; {GOES_ON}" if code == ExitCode.INTERRUPTED else said


def run_verb() -> int | None:
    """Run the verb that the command line names; return its exit code.

    Raises:
        UserError: an argument is empty, which an unset shell variable makes it.
    """
    check_packages()
    for argument in sys.argv[1:]:
        if not argument or (argument.startswith("--") and argument.endswith("=")):
            what = f"{argument}''" if argument else "an empty argument"
            raise ConfigError(what, hint="leave the option out, or give it a value")
    return get_command(app).main(standalone_mode=False)


def refused(error: OSError | UnicodeError) -> PreconditionError:
    """Return the message of a refusal that no reader or writer foresaw."""
    what, place = f"text that is not of this encoding: {error}", ""
    if isinstance(error, OSError):
        what = error.strerror or str(error) or type(error).__name__
        place = "standard output" if error.errno in streams.FULL else ""
        place = " -> ".join(str(one) for one in (error.filename, error.filename2) if one) or place
    return PreconditionError(
        f"the system refuses: {what}", where=place, hint="mend it; what is stored stays valid"
    )


def check_packages() -> None:
    """Refuse to run when another package of the same name stands in front of one of ours."""
    root = Path(__file__).resolve().parents[2]
    for name in PACKAGES:
        loaded = sys.modules.get(name)
        origin = getattr(loaded, "__file__", None)
        if origin and root not in Path(origin).resolve().parents:
            raise PreconditionError(
                f"another package named {name!r} shadows ours",
                where=origin,
                hint="run from another directory, or in an environment of its own",
            )


def _report_bug(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Show the traceback of an unforeseen error and leave with its own exit code."""
    sys.__excepthook__(kind, error, trace)
    streams.tell("This is a bug in kairos-eval; what is stored stays valid.")
    streams.settle(sys.stdout)
    streams.settle(sys.stderr)
    os._exit(ExitCode.BUG)
