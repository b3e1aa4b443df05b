"""Where people meet a rollout: signals, updates, queries, search attributes and the page in the Temporal UI.

`CanaryRollout` inherits from it, so that `rollout.py` tells the story alone.
"""

from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ApplicationError

from workflows import wording
from workflows.effects import Note, Report
from workflows.observation import Names, Phase, Revision, Strategy
from workflows.state import LOG_LENGTH, ChecksAnswer, PlanAnswer, Request, State, StatusAnswer
from workflows.steering import STEERABLE, Command, Reply, Verb, follow, refusal
from workflows.telling import Telling
from workflows.weights import is_edited_away

PHASE = SearchAttributeKey.for_keyword("RolloutPhase")
WEIGHT = SearchAttributeKey.for_int("CanaryWeight")
FAILED_CHECKS = SearchAttributeKey.for_int("FailedChecks")
HALT_REASON = SearchAttributeKey.for_keyword("HaltReason")
TARGET = SearchAttributeKey.for_keyword("CanaryTarget")
SEARCH_ATTRIBUTES = (PHASE, WEIGHT, FAILED_CHECKS, HALT_REASON, TARGET)
KEYWORD_LIMIT = 255


class Console(Telling):
    """The state, and every way to read or steer it."""

    def __init__(self, request: Request) -> None:
        self._request = request
        canary = request.canary
        names = Names(canary=canary.name, namespace=canary.namespace, target=canary.name)
        super().__init__(request.state or State(canary=canary, names=names))
        self.changed = False
        self._visibility = request.visibility
        self._shown: tuple[object, ...] = ()

    # -- messages -------------------------------------------------------------------------------------------------

    @workflow.signal(name="changed", description="Something about the canary changed: look again.")
    def on_changed(self, reason: str = "") -> None:
        """From the operator; carries no state, so any number of them collapse into one look."""
        workflow.logger.info("changed", extra={"reason": reason})
        self.changed = True

    @workflow.signal(name="promote", description="Promote the canary without further analysis.")
    def promote_signal(self, command: Command | None = None) -> None:
        """As the update, for tools that only know signals; refusals are logged."""
        self._signalled(Verb.PROMOTE, command)

    @workflow.signal(name="abort", description="Bring all traffic back to the primary and fail the rollout.")
    def abort_signal(self, command: Command | None = None) -> None:
        """As the update."""
        self._signalled(Verb.ABORT, command)

    @workflow.signal(name="pause", description="Hold the weight where it is; checks go on.")
    def pause_signal(self, command: Command | None = None) -> None:
        """As the update."""
        self._signalled(Verb.PAUSE, command)

    @workflow.signal(name="resume", description="Let a paused rollout advance again.")
    def resume_signal(self, command: Command | None = None) -> None:
        """As the update."""
        self._signalled(Verb.RESUME, command)

    @workflow.signal(name="undo", description="At rest: give the primary the revision it ran before, without analysis.")
    def undo_signal(self, command: Command | None = None) -> None:
        """Sent with start, since a canary at rest has no run; a rollout under way is aborted instead."""
        if self.state.phase in STEERABLE:
            workflow.logger.warning("signal_refused", extra={"verb": "undo", "why": "a rollout is under way"})
            return
        self.state.steering.undo = command or Command()

    @workflow.update(name="promote", description="Promote the canary without further analysis.")
    def promote_update(self, command: Command) -> Reply:
        """Answers what will happen; refused with the reason."""
        return self._follow(Verb.PROMOTE, command)

    @promote_update.validator
    def _may_promote(self, command: Command) -> None:
        self._refuse(Verb.PROMOTE, command)

    @workflow.update(name="abort", description="Bring all traffic back to the primary and fail the rollout.")
    def abort_update(self, command: Command) -> Reply:
        """Answers what will happen; refused with the reason."""
        return self._follow(Verb.ABORT, command)

    @abort_update.validator
    def _may_abort(self, command: Command) -> None:
        self._refuse(Verb.ABORT, command)

    @workflow.update(name="pause", description="Hold the weight where it is; checks go on.")
    def pause_update(self, command: Command) -> Reply:
        """Answers what will happen; refused with the reason."""
        return self._follow(Verb.PAUSE, command)

    @pause_update.validator
    def _may_pause(self, command: Command) -> None:
        self._refuse(Verb.PAUSE, command)

    @workflow.update(name="resume", description="Let a paused rollout advance again.")
    def resume_update(self, command: Command) -> Reply:
        """Answers what will happen; refused with the reason."""
        return self._follow(Verb.RESUME, command)

    @resume_update.validator
    def _may_resume(self, command: Command) -> None:
        self._refuse(Verb.RESUME, command)

    def _refusal(self, verb: Verb, command: Command) -> str:
        revision = self.state.revision.template if self.state.revision else ""
        return refusal(verb, command, self.state.steering, self.state.phase, revision, self.state.gate)

    def _refuse(self, verb: Verb, command: Command) -> None:
        if why := self._refusal(verb, command):
            raise ApplicationError(why, type="Refused", non_retryable=True)

    def _follow(self, verb: Verb, command: Command) -> Reply:
        gate = self.state.gate
        message = follow(verb, command, self.state.steering, gate)
        if verb is Verb.PROMOTE and gate:
            self.say(wording.approved(self.state.canary, gate, command.by, command.reason))
        else:
            self._say_steered(verb, command)
        return Reply(message=message, phase=self.state.phase, weight=self.state.weight)

    def _signalled(self, verb: Verb, command: Command | None) -> None:
        command = command or Command()
        if why := self._refusal(verb, command):
            workflow.logger.warning("signal_refused", extra={"verb": verb.value, "why": why})
            return
        self._follow(verb, command)

    def _say_steered(self, verb: Verb, command: Command) -> None:
        """An abort is told by the rollback it causes; the others are told here."""
        canary = self.state.canary
        match verb:
            case Verb.PROMOTE:
                self.say(wording.promoted_by_hand(canary, command.by, command.reason))
            case Verb.PAUSE:
                self.say(wording.paused(canary, command.by, command.reason))
            case Verb.RESUME:
                self.say(wording.resumed(canary, command.by, command.reason))
            case Verb.ABORT:
                pass

    # -- questions ------------------------------------------------------------------------------------------------

    @workflow.query(name="status", description="Phase, weight, failed checks, and what it is waiting for.")
    def status(self) -> StatusAnswer:
        """Where the rollout stands."""
        state, steering = self.state, self.state.steering
        under_way = state.phase in STEERABLE
        return StatusAnswer(
            canary=str(state.canary),
            target=state.names.target,
            phase=state.phase,
            weight=state.weight,
            failed_checks=state.failed_checks,
            threshold=state.plan.threshold if state.plan else 0,
            revision=state.revision.template if state.revision else "",
            halt=state.halt,
            waiting=state.waiting,
            paused_by=(steering.pause.by or "somebody") if steering.pause and under_way else None,
            next_check=state.next_check if under_way else None,
            log=tuple(state.log),
            iteration=state.iteration,
            iterations=state.plan.iterations if state.plan else 0,
            gate=state.gate or "",
        )

    @workflow.query(name="plan", description="The steps, the interval, the threshold and the hooks.")
    def plan(self) -> PlanAnswer | None:
        """How this release is analysed; none before the canary was looked at."""
        plan = self.state.plan
        if plan is None:
            return None
        return PlanAnswer(
            weights=plan.weights,
            interval_seconds=plan.interval_seconds,
            threshold=plan.threshold,
            deadline_seconds=plan.deadline_seconds,
            hooks=plan.pre_rollout + plan.rollout + plan.post_rollout + sum(plan.gates.values(), ()) + plan.rollback,
            strategy=plan.strategy,
            iterations=plan.iterations,
            approvals=plan.approvals,
        )

    @workflow.query(name="checks", description="The checks of the last step with their answers.")
    def checks(self) -> ChecksAnswer:
        """What the last step asked and was told."""
        return ChecksAnswer(checks=tuple(self.state.checks))

    # -- telling the outside --------------------------------------------------------------------------------------

    def say(self, text: str, *, warning: bool = False) -> None:
        """Note an event; the next report shows it. Ids rise with time, so lists by name are in order."""
        now = workflow.now()
        self.state.said += 1
        microseconds = (now - datetime.fromtimestamp(0, tz=now.tzinfo)) // timedelta(microseconds=1)
        note = Note(id=f"{microseconds * 1000 + self.state.said % 1000:x}", text=text, at=now, warning=warning)
        self.state.notes.append(note)
        self.publish(note)
        self.state.log = [*self.state.log, text][-LOG_LENGTH:]
        self._show()

    def report(self, *, promoted: Revision | None = None, applied: Revision | None = None) -> Report:
        """The state as the outside shall see it now, with everything said since the last report."""
        state = self.state
        notes, state.notes = tuple(state.notes), []
        # `status.canaryWeight` speaks of the share of all requests. An A/B test and blue/green have none, but for what
        # is left in force of the steps that the spec asked for before it was edited.
        plan = state.plan
        stepping = plan is None or plan.strategy is Strategy.CANARY or is_edited_away(plan, state.step)
        self._show()
        return Report(
            canary=state.canary,
            phase=state.phase,
            weight=state.weight if stepping else 0,
            failed_checks=state.failed_checks,
            iterations=state.iteration,
            condition=wording.condition(state.phase, state.names, state.halt),
            halt=state.halt,
            applied=applied,
            promoted=promoted,
            generation=state.generation or None,
            config_versions=state.config_versions,
            notes=notes,
        )

    def _show(self) -> None:
        """The page and the columns of the Temporal UI."""
        workflow.set_current_details(self._page())
        state = self.state
        shown = (state.phase, state.weight, state.failed_checks, state.halt)
        if not self._visibility or shown == self._shown:
            return
        self._shown = shown
        workflow.upsert_search_attributes(
            [
                PHASE.value_set(state.phase or "New"),
                WEIGHT.value_set(state.weight),
                FAILED_CHECKS.value_set(state.failed_checks),
                HALT_REASON.value_set(state.halt[:KEYWORD_LIMIT]),
                TARGET.value_set(f"{state.names.kind}/{state.names.target}.{state.names.namespace}"),
            ]
        )

    def _page(self) -> str:
        state = self.state
        lines = [f"### {state.canary} · {state.phase or Phase.NEW.name} · weight {state.weight}%"]
        if state.plan:
            lines.append(f"failed checks {state.failed_checks} of {state.plan.threshold}")
        if state.iteration and state.plan:
            lines.append(f"iteration {state.iteration} of {state.plan.iterations}")
        if state.gate:
            lines.append(f"**waiting** at {state.gate}; `promote` opens it, `abort` rolls back")
        if state.steering.pause:
            lines.append(f"**paused** by {state.steering.pause.by or 'somebody'}; `resume` lets it advance")
        if state.waiting or state.halt:
            lines.append(f"> {state.waiting or state.halt}")
        if state.checks:
            lines.append("\n".join(f"- {check.name}: {wording.outcome(check)}" for check in state.checks))
        # Fenced, since below a list an indented block would be a part of its last point.
        lines.append("\n".join(["```", *state.log[-10:], "```"]))
        return "\n\n".join(lines)
