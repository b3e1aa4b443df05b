"""The one record that continues: what a rollout knows of itself, across continue-as-new and in answer to queries."""

from datetime import datetime

from pydantic import BaseModel, Field

from workflows.effects import Note
from workflows.observation import CanaryRef, Gate, Names, Phase, Plan, Record, Revision, Strategy
from workflows.steering import Command, Steering
from workflows.verdict import Check
from workflows.weights import Step

LOG_LENGTH = 50


class State(BaseModel):
    """Of one workflow run; everything a fresh worker needs to go on, and everything a person may ask."""

    canary: CanaryRef
    names: Names
    phase: Phase = Phase.NEW
    generation: int = 0
    """Of the Canary when its objects were last brought to its spec."""
    config_versions: dict[str, str] | None = None
    plan: Plan | None = None
    revision: Revision | None = None
    """Pinned: what is analysed, and the only thing that may be promoted."""
    weight: int = 0
    """The canary's share of traffic, percent; in an A/B test, of the requests that match."""
    mirrored: bool = False
    """The canary gets copies of the primary's requests."""
    iteration: int = 0
    """Of an A/B test or blue/green."""
    failed_checks: int = 0
    unreadable_rounds: int = 0
    """In a row."""
    passed_hooks: list[str] = Field(default_factory=list)
    """Pre-rollout hooks that agreed to this revision; they are not asked again."""
    fresh_pods: bool = False
    """Only configs changed under running pods: the analysis needs new ones."""
    analysing: bool = False
    """The canary is ready and its hooks passed: a continued run goes on from here."""
    canary_since: datetime | None = None
    """Since when the canary has been ready; set for as long as a continued run can go on with its analysis."""
    next_check: datetime | None = None
    checks: list[Check] = Field(default_factory=list)
    """Of the last step."""
    halt: str = ""
    """Why the last step did not advance; empty when it did."""
    waiting: str = ""
    """What a wait still lacks."""
    suspended: bool = False
    """In the middle of a rollout, and told already."""
    problem: str = ""
    """Of a spec that was edited in the middle and makes no sense: told already."""
    gate: Gate | None = None
    """Where the release waits for a yes."""
    gate_since: datetime | None = None
    closed_by: str = ""
    """Who of those that say no at the gate was told of."""
    hurried_by: Command | None = None
    """The approval for which a check was made before its time."""
    timed_out: bool = False
    """The gate, and a check was made before its time for that."""
    rollback_hook: str = ""
    """The hook of type rollback that agreed."""
    silent_hooks: list[str] = Field(default_factory=list)
    """Those of type rollback that did not, as was told once."""
    primary_serving: bool = True
    """When last looked at; traffic is not led to a primary that has no available pod."""
    steering: Steering = Field(default_factory=Steering)
    notes: list[Note] = Field(default_factory=list)
    """Said, but not yet shown outside."""
    said: int = 0
    unreached: list[str] = Field(default_factory=list)
    """Chats and event webhooks that could not be told; each is complained of once."""
    log: list[str] = Field(default_factory=list)
    """The last sentences, oldest first."""

    @property
    def step(self) -> Step:
        """Where the analysis stands."""
        return Step(self.weight, self.mirrored, self.iteration)

    def leave_gate(self) -> None:
        """It opened."""
        self.gate = self.gate_since = self.steering.approval = self.hurried_by = None
        self.waiting = self.closed_by = ""
        self.timed_out = False

    def take_up(self, revision: Revision) -> None:
        """Begin anew with this revision: counters, hooks and commands of the former one are void."""
        pause, former = self.steering.pause, self.revision
        self.fresh_pods = former is not None and former.template == revision.template
        self.revision, self.phase = revision, Phase.PROGRESSING
        self.weight = self.iteration = self.failed_checks = self.unreadable_rounds = 0
        self.mirrored = False
        self.leave_gate()
        self.passed_hooks, self.silent_hooks, self.checks = [], [], []
        self.analysing, self.halt = False, ""
        self.canary_since = self.next_check = None
        self.steering = Steering(pause=pause)

    def end(self, phase: Phase) -> None:
        """The rollout is over: whatever it was told is void, and from now on commands are refused."""
        self.phase, self.suspended = phase, False
        self.leave_gate()
        self.steering = Steering(undo=self.steering.undo)


class Request(Record):
    """What a workflow is started with."""

    canary: CanaryRef
    state: State | None = None
    """Of the run that this one continues."""
    visibility: bool = True
    """Keep search attributes; off where a Temporal namespace does not allow to register them."""


class Ending(Record):
    """How a run came to rest: the line in the canary's release history."""

    phase: Phase
    revision: str = ""
    """Template hash."""
    reason: str = ""
    """Why it failed, or what blocks it."""


class StatusAnswer(Record):
    """The answer to query `status`."""

    canary: str
    target: str
    phase: Phase
    weight: int
    failed_checks: int
    threshold: int
    revision: str
    halt: str
    waiting: str
    paused_by: str | None
    next_check: datetime | None
    log: tuple[str, ...]
    iteration: int = 0
    iterations: int = 0
    gate: str = ""
    """Where it waits for a yes, which `promote` gives."""


class PlanAnswer(Record):
    """The answer to query `plan`."""

    weights: tuple[int, ...]
    interval_seconds: float
    threshold: int
    deadline_seconds: float
    hooks: tuple[str, ...]
    strategy: Strategy = Strategy.CANARY
    iterations: int = 0
    approvals: tuple[Gate, ...] = ()


class ChecksAnswer(Record):
    """The answer to query `checks`."""

    checks: tuple[Check, ...]
