"""``profile``: what the reference architecture costs, measured and counted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from harness.profiling.sweep import Profile

verbs = typer.Typer(
    help="Measure how the reference model scales, and count what it computes.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    app.add_typer(verbs, name="profile")


@verbs.command()
def scaling(
    config: Annotated[str, typer.Option(help="Network, e.g. small.")] = "small",
    lengths: Annotated[str, typer.Option(help="Tokens, comma-separated.")] = "512,1024,2048,4096",
    rounds: Annotated[int, typer.Option(min=1, help="Timed repeats per point.")] = 7,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    out: Annotated[Path | None, typer.Option(help="Write the profile as JSON.")] = None,
    against: Annotated[Path | None, typer.Option(help="Compare with an earlier profile.")] = None,
) -> int:
    """Time one forward over lengths: hybrid, full attention, and each kind of layer alone.

    Prints medians, the exponent of growth with its interval, and R2 of a straight line. On a CPU
    one thread is used and processor time is counted; on a GPU, time between device events.
    """
    import msgspec

    from harness.cli.model_arms import arms_of, parse_lengths, timing_on
    from harness.cli.progress import progress
    from harness.files import atomic_write
    from harness.profiling import sweep

    tokens = parse_lengths(lengths)
    timing = timing_on(device)
    arms = arms_of(config, device)
    with progress(quiet=False) as tell:
        tell.expect(len(arms) * len(tokens))
        tell.note(f"scaling of {config} on {device}")
        points = tuple(
            sweep.measure(
                arms, tokens, rounds=rounds, timer=timing.timer, exhausted=timing.exhausted,
                step=tell.advance,
            )
        )  # fmt: skip
    profile = sweep.Profile(
        config=config,
        machine=sweep.machine(timing.name, timing.threads),
        points=points,
        growth=tuple(sweep.grow(points)),
    )
    show(profile)
    if out is not None:
        atomic_write(out, msgspec.json.format(msgspec.json.encode(profile), indent=1) + b"\n")
    if against is not None:
        show_ratios(profile, against)
    return 0


def show(profile: Profile) -> None:
    """Print the points and the growth of each arm."""
    print("machine: " + ", ".join(f"{name} {value}" for name, value in profile.machine.items()))
    print(f"{'arm':24} {'tokens':>8} {'median s':>10} {'95 % interval':>23}")
    for point in profile.points:
        seconds = "—" if point.seconds is None else f"{point.seconds:.4f}"
        span = point.reason if point.lo is None else f"{point.lo:.4f} to {point.hi:.4f}"
        print(f"{point.arm:24} {point.length:8} {seconds:>10} {span:>23}")
    print(f"\n{'arm':24} {'exponent':>8} {'95 % interval':>16} {'R2 of a line':>13}")
    for growth in profile.growth:
        if growth.exponent is None:
            print(f"{growth.arm:24} {growth.reason}")
            continue
        span = "undefined" if growth.lo is None else f"{growth.lo:.2f} to {growth.hi:.2f}"
        print(f"{growth.arm:24} {growth.exponent:8.2f} {span:>16} {growth.r2_line:13.4f}")


def show_ratios(profile: Profile, path: Path) -> None:
    """Print this profile over an earlier one."""
    from harness.errors import PreconditionError
    from harness.profiling.sweep import against, load_profile

    if not path.exists():
        raise PreconditionError("there is no earlier profile", where=str(path))
    print("\nthis profile over the earlier one")
    for one in against(profile, load_profile(path.read_bytes(), str(path))):
        value = "—" if one.ratio is None else f"{one.ratio:.3f}"
        span = one.reason if one.lo is None else f"{one.lo:.3f} to {one.hi:.3f}"
        print(f"{one.arm:24} {one.length:8} {value:>8} {span}")


@verbs.command()
def flops(
    config: Annotated[str, typer.Option(help="Network, e.g. v1-720p.")] = "v1-720p",
    frames: Annotated[int, typer.Option(min=1, help="Latent frames.")] = 21,
    tokens: Annotated[int, typer.Option(min=1, help="Tokens per frame (720P: 3520).")] = 3520,
    passes: Annotated[int, typer.Option(min=1, help="Forward passes of a run.")] = 4,
    hardware: Annotated[float, typer.Option(help="Peak TFLOPS (A800 dense bf16: 312).")] = 312.0,
) -> int:
    """Count a forward and a run in closed form: 720P, 5 s, unless said otherwise.

    Plain linear layers stand apart from attention, because the paper's PFLOP column fits the
    former alone: a profiler of modules does not see fused attention.
    """
    from harness.cli.model_arms import config_of, require_torch

    require_torch()
    from model.config import full_attention
    from model.counting import Grid, parameters, video_work

    found = config_of(config)
    grid = Grid(frames=frames, tokens_per_frame=tokens)
    print(f"{config}: {parameters(found):,} parameters, {grid.tokens:,} tokens")
    print(f"{'PFLOP':28} {'hybrid':>10} {'full attention':>15}")
    works = [video_work(found.video, grid), video_work(full_attention(found.video), grid)]
    for name, values in (
        ("one forward", [work.flops for work in works]),
        ("  plain linear layers", [2 * work.linear for work in works]),
        ("  attention and memory", [work.flops - 2 * work.linear for work in works]),
        (f"a run of {passes} forwards", [passes * work.flops for work in works]),
    ):
        print(f"{name:28} {values[0] / 1e15:10.3f} {values[1] / 1e15:15.3f}")
    least = passes * works[0].flops / (hardware * 1e12)
    print(f"at the peak of {hardware:g} TFLOPS a run takes at least {least:.1f} s")
    print()
    show_paper_column(hardware)
    return 0


def show_paper_column(hardware: float) -> None:
    """Hold the paper's PFLOP column against two ways of counting, and its time against a peak."""
    from model.comparators import accounts, work_ceiling_pflop

    print("the paper's PFLOP column (720P, 5 s), under choices that its text does not state")
    print(f"{'model':24} {'printed':>8} {'linear':>8} {'all':>8} {'passes':>7}  assumption")
    rows = accounts()
    for row in rows:
        print(
            f"{row.name:24} {row.reported_pflop:8.1f} {row.linear_pflop:8.2f} "
            f"{row.total_pflop:8.2f} {row.passes:7}  {row.assumption}"
        )
    widest = max(abs(row.gap) for row in rows)
    print(
        f"linear layers alone fit all rows within {100 * widest:.1f} %: attention seems uncounted"
    )
    ceiling = work_ceiling_pflop(43.0, hardware)
    default = 100 * rows[0].total_pflop / rows[0].passes
    verdict = "cannot be" if default > ceiling else "may be"
    print(
        f"43 s at {hardware:g} TFLOPS allow {ceiling:.1f} PFLOP; fifty guided steps need "
        f"{default:.1f}: the printed row {verdict} the undistilled default"
    )
