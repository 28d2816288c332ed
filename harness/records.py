"""Every stored fact, as a closed, frozen type.

Nothing here computes. A row is written once and never changed; estimates and verdicts are
functions of rows and can be recomputed. A value is present or has a reason for being absent:
no field ever holds NaN, and no failure is stored as zero.
"""

from __future__ import annotations

from enum import StrEnum
from types import NoneType
from typing import cast

import msgspec

from harness.base import SCHEMA, Record, Scalar
from harness.evidence import (
    BoundCheck,
    DataTable,
    Done,
    Figure,
    HeatMap,
    Measurement,
    Panels,
    Pictures,
)
from harness.outcomes import Level, Outcome, Shown, Standing

__all__ = ["SCHEMA", "Done", "Record", "Scalar"]


class Missing(StrEnum):
    """Why a value is absent."""

    INPUT = "input absent"
    DECODE = "input cannot be decoded"
    PRODUCER = "producer failed"
    JUDGE = "judge failed"
    TIMEOUT = "timed out"
    REFUSED = "refused reply"
    EMPTY = "empty reply"
    CUT = "cut reply"
    UNCLOSED = "reply with unclosed reasoning"
    CONTRADICTORY = "contradictory reply"
    PARSE = "reply not parsable"
    RANGE = "value outside its range"
    NONFINITE = "value not finite"
    UNDETERMINED = "judge could not tell"
    SKIPPED = "excluded by plan"
    BUDGET = "budget spent"
    SCORER = "scorer failed"
    UNDEFINED = "not defined for this sample"
    UNSCORED = "not yet scored"


class Locator(Record, frozen=True, kw_only=True):
    """Where a published number or statement stands."""

    source: str  # the document, e.g. a version of a paper
    place: str  # e.g. "Table 7" or "section 6.2.1"
    file: str | None = None  # data file of this project that carries it
    line: int | None = None  # 1-based line in that file


class Sample(Record, frozen=True, kw_only=True):
    """One thing to be judged: a benchmark instance, independent of who produced the video.

    ``labels`` are the groupings a table may be broken down by (domain, states of matter, ...).
    ``cluster`` names the unit of independent sampling for standard errors.
    """

    id: str
    suite: str
    cluster: str
    labels: dict[str, str] = {}
    inputs: dict[str, Scalar] = {}


class Artifact(Record, frozen=True, kw_only=True):
    """A file under test, by content."""

    sha256: str
    size: int
    name: str  # file name only, never a path


ALL = "all"
"""The group of all samples of a column."""

VIDEO = "video"
"""The role of the file under test among the media of a sample."""


class Question(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One thing a judge is asked about a sample; ``prompt`` is None for recorded answers.

    ``judge`` names which judge of the task answers, empty for the task's own. ``media`` are the
    roles of the files it is about, in the order they are shown; empty means the video alone.
    ``system`` is the system message. All three enter content keys only where they are used.
    """

    id: str
    prompt: str | None = msgspec.field(default_factory=NoneType)  # always part of content keys
    judge: str = ""
    media: tuple[str, ...] = ()
    system: str = ""


class WorkItem(Record, frozen=True, kw_only=True):
    """One sample of one model, to be judged and scored."""

    key: str  # content key of everything that matters
    suite: str
    model: str
    sample: Sample
    questions: tuple[Question, ...]
    artifact: Artifact | None = None  # the video under test
    media: dict[str, Artifact] = {}  # further files by role, such as a conditioning image
    missing: Missing | None = None  # known before the run: the input is absent or undecodable
    repeat: int = 0
    times: int = 1  # samples that it stands for; above 1 where they are absent and have no names

    def files(self, question: Question) -> dict[str, Artifact | None]:
        """Return the files that a question is about by role, in the order it names them."""
        known = {VIDEO: self.artifact, **self.media}
        return {role: known.get(role) for role in question.media or (VIDEO,)}


class JudgeId(Record, frozen=True, kw_only=True):
    """Who judged, completely: two judges are the same only when all fields agree."""

    kind: str  # recorded | openai_api | local_hf | instrument | human
    name: str
    revision: str | None = None
    settings: dict[str, Scalar] = {}


class Judgment(Record, tag="judgment", frozen=True, kw_only=True):
    """One reply, raw, or the reason why there is none.

    A reply that the judge's server marks as refused, empty or cut keeps its text beside the reason.
    """

    key: str
    item: str  # WorkItem.key
    question: str
    raw: str | None
    round: int = 0  # raised when a failed reply is asked for again; the last round counts
    missing: Missing | None = None
    detail: str = ""
    seconds: float | None = None
    served_by: str | None = None  # model name the server reports, when it does
    attempts: int = 1


class Score(Record, tag="score", frozen=True, kw_only=True):
    """The value of one metric on one sample, or the reason why there is none."""

    key: str
    item: str
    suite: str
    model: str
    sample: str
    metric: str
    scorer: str
    value: float | None
    round: int = 0
    missing: Missing | None = None
    detail: str = ""


class Terms(Record, frozen=True, kw_only=True):
    """What a check takes for granted: whose each assumption is decides how its verdict stands.

    Constants of a rule that carry an assumption (n, weights, ...) are ours unless ``stated`` lists
    them. ``about`` says by key column, or by a condition such as ``duration_s``, what the statement
    speaks of: cells for other conditions do not test it, cells of a part test a part.
    """

    stated: tuple[str, ...] = ()  # constants of the rule that the source itself gives
    assumes: tuple[str, ...] = ()  # what else is assumed and not in the source, in our words
    note: str = ""  # why nobody claims what is checked: a miss is a note, no finding
    degree: bool = False  # words of degree; those in a statement's text are found without it
    about: dict[str, tuple[str, ...]] = {}


class Appraisal(Record, frozen=True, kw_only=True):
    """What is known of a verdict about a paper beside its standing."""

    editions: tuple[str, ...]  # that print it, oldest first
    current: bool  # whether an edition that none supersedes prints it
    edition_note: str = ""  # of what only an earlier edition has
    owner: str = ""  # whose row: own, quoted, re-run by the authors (*), ...
    assumptions: tuple[str, ...] = ()  # those that are ours
    gaps: tuple[str, ...] = ()  # why a pass does not carry the statement
    readings: tuple[str, ...] = ()  # innocent readings that fit, each ``name: what``
    tried: tuple[str, ...] = ()  # innocent readings that do not
    fact: str = ""  # shared by all verdicts on one fact; empty where nothing was found
    say: str = ""  # one sentence to print


class Check(Record, tag="check", frozen=True, kw_only=True):
    """One consistency check over printed cells, with its arithmetic written out."""

    id: str
    family: str
    table: str
    verdict: Outcome
    cells: tuple[dict[str, str], ...]
    rule: dict[str, Scalar | list[Scalar]]
    arithmetic: str
    explanation: str
    power: float | None  # share of random cells that the check would reject
    claims: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    origin: str = "stated"  # or inferred: nobody states the rule, cells seem to follow it
    terms: Terms = Terms()


class Attempt(Record, tag="attempt", frozen=True, kw_only=True):
    """A process that worked on this run; several mean that the run was resumed."""

    number: int
    started: str  # UTC, ISO 8601
    environment: dict[str, Scalar]


Evidence = Measurement | BoundCheck | Figure | HeatMap | DataTable
"""What an experiment may find; each piece has a ``key`` and names its ``experiment``."""

Drawing = Figure | HeatMap | DataTable | Panels | Pictures
"""What a report draws as it is stored."""

Row = Judgment | Score | Check | Attempt | Evidence | Done


class Estimate(Record, frozen=True, kw_only=True):
    """A number with what one needs to trust it.

    ``value``, ``lo`` and ``hi`` are in the unit of the column. An estimate that cannot be
    computed has ``value`` None and a reason; an interval that is undefined has ``lo`` and
    ``hi`` None and a reason. ``planned == n + sum(missing.values())`` always holds.
    ``worst`` and ``best`` bound the value over all ways of filling the missing scores.
    """

    value: float | None
    lo: float | None = None
    hi: float | None = None
    level: float = 0.95
    method: str
    n: int
    clusters: int
    planned: int
    missing: dict[str, int] = {}
    worst: float | None = None
    best: float | None = None
    reason: str = ""


class Cell(Record, frozen=True, kw_only=True):
    """One aggregated table cell: which column of which model, under which scorer and group."""

    suite: str
    model: str
    scorer: str
    column: str
    title: str
    group: str  # "all" or "<label>=<value>"
    unit: str
    decimals: int
    estimate: Estimate  # in the printed unit
    task: int = 0  # position of the task in the plan
    example: bool = False
    differs: int = 0  # samples on which this scorer and the official one disagree
    range: tuple[float, float] | None = None  # of the column, printed unit; None without two ends
    outside: int = 0  # samples with a value outside the range of its metric
    unanswered: int = 0  # samples whose value rests on a reply without an answer
    noise: Estimate | None = None  # smallest difference that asking the judge again cannot make
    passes: dict[str, float | None] = {}  # variance components behind it, and what follows of them

    @property
    def id(self) -> str:
        """Its name within the run, by which verdicts cite it."""
        place = (self.task, self.suite, self.model, self.scorer, self.column, self.group)
        return "/".join(map(str, place))


class Reported(Record, frozen=True, kw_only=True):
    """A published number. ``value`` keeps the printed digits; ``decimals`` is its precision."""

    id: str
    value: str
    decimals: int
    unit: str
    suite: str
    model: str
    column: str
    n: int | None
    locator: Locator
    protocol: dict[str, Scalar] = {}
    margin: float | None = None  # largest difference that counts as the same, printed unit


class ClaimKind(StrEnum):
    """The kinds of claim; all of them meet evidence and end in a verdict."""

    TEXT = "statement of the text"
    NUMBER = "reported number"
    TABLE = "printed table"
    THEOREM = "theorem"
    EFFICIENCY = "efficiency"
    EXTERNAL = "external evidence"
    QUALITY = "video quality"


_BY_OUTCOME = cast("Standing", None)
"""A standing that is not given: it follows from the outcome."""


class Verdict(Record, frozen=True, kw_only=True):
    """A claim met by evidence."""

    claim: str
    kind: ClaimKind
    outcome: Outcome
    statement: str
    locator: Locator
    reasons: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()  # ids of checks or cells
    measured: Estimate | None = None
    reported: Reported | None = None
    margin: float | None = None
    detectable: float | None = None  # smallest difference this evidence could have shown
    needs: str = ""  # what a test would need, when it could not be made here
    command: str = ""  # the command that would test it
    standing: Standing = _BY_OUTCOME
    appraisal: Appraisal | None = None  # of claims of a paper
    origin: str = ""  # of a statement, with respect to the paper: printed, corrected, new, refuted

    def __post_init__(self) -> None:
        if self.standing is _BY_OUTCOME:
            msgspec.structs.force_setattr(self, "standing", Standing.of(self.outcome.level))

    @property
    def current(self) -> bool:
        """Whether it speaks of an edition that none supersedes."""
        return self.appraisal is None or self.appraisal.current

    @property
    def level(self) -> Level:
        """How it bears on the claim; what only an earlier edition has is never bad."""
        level = self.standing.level
        return Level.DOUBT if level is Level.BAD and not self.current else level

    def meets(self, word: Outcome | Standing) -> bool:
        """Say whether it fails a gate on a word: as far as it stands, in the current edition.

        A bad outcome that stands as a doubt meets no gate on bad outcomes.
        """
        named = word in (self.outcome, self.standing)
        return named and self.current and self.level is word.level

    @property
    def shown(self) -> Shown:
        """The word it is shown and counted by: the standing for claims of a paper."""
        word = self.outcome if self.appraisal is None else self.standing
        return Shown(word if self.current else f"{word} (earlier edition)", self.level)


class Judge(Record, frozen=True, kw_only=True):
    """The judge part of a task, as configured."""

    kind: str = "recorded"
    name: str = "recorded"
    base_url: str | None = None
    revision: str | None = None
    api_key_env: str | None = None  # NAME of the variable; the secret itself is never stored
    temperature: float = 0.0
    max_tokens: int = 256
    frames: int = 8
    device: str = "cuda"  # of a local judge
    dtype: str = "bfloat16"
    download: bool = False  # let a local judge fetch its weights from the hub
    timeout_s: float = 60.0
    attempts: int = 4
    concurrency: int = 4
    budget_requests: int | None = None


WHOLE = "full"
"""The subset of a task that names none."""


class Task(Record, frozen=True, kw_only=True):
    """One benchmark applied to one model: a ``[[task]]`` block of the run file."""

    suite: str
    model: str
    subset: str = WHOLE
    videos: str | None = None
    reference: str | None = None  # a folder of videos that `videos` are held against
    results: tuple[str, ...] = ()
    protocol: dict[str, Scalar] = {}
    judge: Judge = Judge()
    judges: dict[str, Judge] = {}  # further judges, by the name that questions give
    scorers: tuple[str, ...] = ()  # empty: all of the suite's
    answers: dict[str, str] = {}  # statements of the pack by the suite's question that meets each
    example: bool = False
    limit: int | None = None


class ExperimentRequest(Record, frozen=True, kw_only=True):
    """An experiment, or a preset of several: an ``[[experiments]]`` block of the run file."""

    name: str  # e.g. "theory/statement"; `kairos-eval list experiments` prints all
    settings: dict[str, Scalar] = {}


class PackId(Record, frozen=True, kw_only=True):
    """Which paper a run holds its evidence against."""

    id: str
    title: str
    path: str  # folder on this machine
    digest: str  # SHA-256 of its files


class RunSpec(Record, frozen=True, kw_only=True):
    """What the user asked for."""

    name: str
    pack: str = ""  # folder or name; the shipped default when empty
    seed: int = 0
    tasks: tuple[Task, ...] = ()
    experiments: tuple[ExperimentRequest, ...] = ()
    audit: bool = False
    assets: str | None = None
    fail_on: tuple[str, ...] = ()


class TaskPlan(Record, frozen=True, kw_only=True):
    """A task with its samples fixed, and what was noticed while fixing them."""

    task: Task
    judge: JudgeId
    protocol: dict[str, Scalar]
    items: tuple[WorkItem, ...]
    notes: tuple[str, ...] = ()
    judges: dict[str, JudgeId] = {}  # further judges that questions name
    folders: dict[str, str] = {}  # where media lie, by role; the video lies in task.videos
    parts: dict[str, dict[str, Scalar]] = {}  # protocol where it is another, by label=value

    @property
    def places(self) -> dict[str, str]:
        """Where the media of the task lie, by role."""
        return {**({VIDEO: self.task.videos} if self.task.videos else {}), **self.folders}

    @property
    def samples(self) -> int:
        """How many samples are planned, those without a name included."""
        return sum(item.times for item in self.items)

    def question(self, claim: str) -> str:
        """Return the name of a question of its suite's from the claim that it is about."""
        return claim.removeprefix(f"{self.task.suite}/{self.task.model}/")


class ExperimentPlan(Record, frozen=True, kw_only=True):
    """An experiment with everything fixed that its rows depend on, the machine apart."""

    key: str
    name: str
    title: str
    settings: dict[str, Scalar]


class RunPlan(Record, frozen=True, kw_only=True):
    """Everything a run will do; its id is the hash of its content."""

    schema: int = SCHEMA
    id: str
    spec: RunSpec
    source: str = ""  # run file on this machine, where there was one
    pack: PackId | None = None  # absent in runs without any
    tasks: tuple[TaskPlan, ...] = ()
    experiments: tuple[ExperimentPlan, ...] = ()


class JudgeHealth(Record, frozen=True, kw_only=True):
    """How the judges of one task answered."""

    task: int  # position in the plan
    replies: int  # stored, the last of each question
    unanswered: dict[str, int] = {}  # replies without an answer, by reason
    samples: int = 0  # that have such a reply
    asked: bool = False  # by this run; the replies of a record cannot be asked for again
    served: dict[str, tuple[str, ...]] = {}  # models that servers named, by the name asked for


class RaterPair(Record, frozen=True, kw_only=True):
    """How two raters of one quantity agree on the units that both gave a value.

    ``estimates`` hold coefficients of agreement, the judge's errors where the second rater is
    human, and, where some units have no label, the rates that labels and judge give. Rates are in
    the unit of the metric.
    """

    tasks: tuple[int, int]  # positions in the plan; equal where one task has both raters
    metric: str
    scorer: str
    raters: tuple[str, str]
    human: bool  # whether the second one's values are human labels
    estimates: dict[str, Estimate]


class Results(Record, frozen=True, kw_only=True):
    """What one reduction of a journal found: the input of every report."""

    schema: int = SCHEMA
    plan: str
    cells: tuple[Cell, ...]
    verdicts: tuple[Verdict, ...]
    counts: dict[str, int]  # planned, scored, and one entry per reason for absence
    example_counts: dict[str, int] = {}  # the same for made-up example data
    experiment_counts: dict[str, int] = {}  # planned, done, and one entry per reason for absence
    health: tuple[JudgeHealth, ...] = ()  # one per task whose suite reads replies
    raters: tuple[RaterPair, ...] = ()  # where several gave one quantity
    outcomes: dict[str, Outcome] = {}  # of every checked bound, by its key
    drawings: tuple[Drawing, ...] = ()  # made from rows of judged samples; experiments store theirs
    notes: tuple[str, ...] = ()
    unmet: tuple[str, ...] = ()  # tasks that no printed number is held against, each with why
