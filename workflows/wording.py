"""Every sentence a user reads in an event or a condition, made from values.

The texts are those of Flagger's events, which dashboards and scripts know. Where one differs, the reason stands
beside it.
"""

from collections.abc import Sequence

from workflows.observation import CanaryRef, Gate, Names, Phase
from workflows.verdict import Check, NoData, Objected, Question, Unreadable, Value, judge, measured
from workflows.weights import Step

# -- bootstrap and rest ---------------------------------------------------------------------------------------------


def initialized(canary: CanaryRef) -> str:
    """The primary serves, the target is at zero."""
    return f"Initialization done! {canary}"


def taken_over(names: Names, phase: Phase) -> str:
    """Another controller left this canary at rest."""
    return f"Taken over from another controller: {names.target}.{names.namespace} stays {phase}, nothing is rolled out"


def providers_available() -> str:
    """Everything that checks will be read from can be asked."""
    return "all the metrics providers are available!"


def providers_unavailable(problems: Sequence[str]) -> str:
    """Some cannot be; bootstrap goes on."""
    return f"Error checking metric providers: {'; '.join(problems)}"


def primary_not_ready(names: Names, why: str) -> str:
    """Bootstrap cannot go on; the target keeps its pods and its traffic."""
    return f"{names.primary}.{names.namespace} not ready: {why}"


def suspended() -> str:
    """`spec.suspend` is set."""
    return "skipping canary run as object is suspended"


def terminating(canary: CanaryRef) -> str:
    """The finalizer starts."""
    return f"Terminating canary {canary}"


def terminated(canary: CanaryRef) -> str:
    """The finalizer is done."""
    return f"Terminated canary {canary}"


def service_renamed(new: str, abandoned: list[str]) -> str:
    """`spec.service.name` was another one; what it led to is left to whoever still calls it."""
    old = min(abandoned, key=len).removesuffix("-primary").removesuffix("-canary")
    return (
        f"The service name changed to {new}, remove {old} objects to avoid routing conflicts: "
        f"Service {', '.join(abandoned)}, and the route between them"
    )


# -- the rollout, in order ------------------------------------------------------------------------------------------


def new_revision(names: Names) -> str:
    """A rollout begins."""
    return f"New revision detected! Scaling up {names.target}.{names.namespace}"


def restarting(names: Names) -> str:
    """A newer revision came in the middle."""
    return f"New revision detected! Restarting analysis for {names.target}.{names.namespace}"


def waiting(workload: str, namespace: str, why: str) -> str:
    """Pods are not ready yet; `why` is `0 of 1 updated replicas are available` or the like."""
    return f"Waiting for {workload}.{namespace} rollout to finish: {why}"


def starting_analysis(names: Names) -> str:
    """The canary is ready to be looked at."""
    return f"Starting canary analysis for {names.target}.{names.namespace}"


def hook_passed(kind: str, hook: str) -> str:
    """`kind` is the webhook's type; only its first letter is raised."""
    return f"{kind.capitalize()} check {hook} passed"


def hook_failed(canary: CanaryRef, kind: str, hook: str, why: str) -> str:
    """A hook that gates said no, or could not be asked."""
    return f"Halt {canary} advancement {kind} check {hook} failed {why}"


def post_rollout_failed(hook: str, why: str) -> str:
    """A hook after the end failed; nothing hangs on it."""
    return f"Post-rollout hook {hook} failed {why}"


def advanced(canary: CanaryRef, weight: int) -> str:
    """The canary's share of traffic was raised to `weight` percent."""
    return f"Advance {canary} canary weight {weight}"


def iterated(canary: CanaryRef, iteration: int, iterations: int) -> str:
    """One more check of an A/B test or of blue/green."""
    return f"Advance {canary} canary iteration {iteration}/{iterations}"


def routing_to_canary(*, mirrored: bool) -> str:
    """Blue/green passed: the canary serves while the primary is brought to the new revision."""
    return "Stop traffic mirroring and route all traffic to canary" if mirrored else "Routing all traffic to canary"


def copying(names: Names) -> str:
    """The analysed template goes to the primary."""
    return f"Copying {names.target}.{names.namespace} template spec to {names.primary}.{names.namespace}"


def routing_to_primary() -> str:
    """The primary runs the new revision and takes all traffic."""
    return "Routing all traffic to primary"


def primary_advanced(canary: CanaryRef, weight: int) -> str:
    """`stepWeightPromotion`: the primary's share of traffic was raised to `weight` percent."""
    return f"Advance {canary} primary weight {weight}"


def completed(names: Names) -> str:
    """The end of a good release."""
    return f"Promotion completed! Scaling down {names.target}.{names.namespace}"


def completed_without_analysis(names: Names) -> str:
    """The end of a release with `skipAnalysis`."""
    return f"Promotion completed! Canary analysis was skipped for {names.target}.{names.namespace}"


# -- gates ----------------------------------------------------------------------------------------------------------

WAITING_FOR = {
    Gate.ROLLOUT: "waiting for approval",
    Gate.TRAFFIC_INCREASE: "waiting for traffic increase approval",
    Gate.PROMOTION: "waiting for promotion approval",
}


def waiting_for_approval(canary: CanaryRef, gate: Gate, asked: str) -> str:
    """A gate is closed; `asked` is the hook that said no, or who is asked."""
    return f"Halt {canary} advancement {WAITING_FOR[gate]} {asked}"


def approved(canary: CanaryRef, gate: Gate, by: str, reason: str) -> str:
    """A person opened a gate (Serinus only)."""
    return f"Approve {canary} {gate}{_by(by)}{_because(reason)}"


def approved_by_default(canary: CanaryRef, gate: Gate) -> str:
    """Nobody said no in time (Serinus only)."""
    return f"Approve {canary} {gate}: nobody answered in time, and approvalDefault is approve"


def approval_timed_out(canary: CanaryRef, gate: Gate) -> str:
    """Nobody said yes in time (Serinus only)."""
    return f"Rolling back {canary} {gate} was not approved in time"


def rollback_hook_silent(hook: str) -> str:
    """A rollback hook was asked and did not ask for a rollback."""
    return f"Rollback hook {hook} not signaling a rollback"


def rollback_hook_invoked(canary: CanaryRef) -> str:
    """A rollback hook asked for a rollback."""
    return f"Rolling back {canary} manual webhook invoked"


# -- halts and rollback ---------------------------------------------------------------------------------------------


def threshold_reached(canary: CanaryRef, failed_checks: int) -> str:
    """Too many failed checks."""
    return f"Rolling back {canary} failed checks threshold reached {failed_checks}"


def deadline_exceeded(canary: CanaryRef, why: str) -> str:
    """Pods were not ready in time."""
    return f"Rolling back {canary} progress deadline exceeded {why}"


def unreadable_limit_reached(canary: CanaryRef, rounds: int) -> str:
    """The user asked not to hold for ever while checks cannot be read (Serinus only)."""
    return f"Rolling back {canary} checks were unreadable {rounds} times in a row"


def aborted(canary: CanaryRef, by: str, reason: str) -> str:
    """A person ended the rollout (Serinus only)."""
    return f"Rolling back {canary} aborted{_by(by)}{_because(reason)}"


def target_missing(canary: CanaryRef, problem: str) -> str:
    """The target was deleted in the middle (Serinus only)."""
    return f"Rolling back {canary} {problem}"


def promotion_failed(names: Names, why: str) -> str:
    """The primary did not become ready with the new template."""
    return f"Promotion of {names.target}.{names.namespace} failed, primary not ready: {why}"


def failed(canary: CanaryRef) -> str:
    """The end of every rollback."""
    return f"Canary failed! Scaling down {canary}"


def halted(canary: CanaryRef, names: Names, check: Check) -> str:
    """Why a step does not advance, from the check that decides."""
    match check.answer:
        case NoData(detail=detail):
            return _no_values(names, check, detail)
        case Unreadable(sentence=sentence) if sentence:
            return sentence
        case Unreadable(detail=detail) if check.question is not Question.HOOK:
            return _query_failed(check, detail)
        case Objected(detail=detail) | Unreadable(detail=detail):
            return f"Halt {canary} advancement external check {check.name} failed {detail}"
        case Value(value=value):
            return f"Halt {canary} advancement {_subject(check)} {_comparison(check, value)}"
        case _:
            return ""


def route_changed(canary: CanaryRef, found: Step | None, wanted: Step) -> str:
    """Somebody else wrote the route, or deleted it (None), in the middle of the analysis (Serinus only)."""
    seen = _share(found) if found else "it does not lead to both sides"
    return f"Halt {canary} advancement the route was changed by somebody else: {seen}; back to {_share(wanted)}"


def _share(step: Step) -> str:
    return f"canary weight {step.weight}{' and copies' if step.mirrored else ''}"


def outcome(check: Check) -> str:
    """A verdict for the page in the Temporal UI, with the number it was taken from."""
    shown = (
        f", {_shown(check, measured(check.question, check.answer.value))}" if isinstance(check.answer, Value) else ""
    )
    return f"{judge(check)}{shown}"


def bounds(check: Check) -> str:
    """What passes: `at least 99%`, `at most 500ms`, both, or nothing where there is no bound."""
    least = f"at least {_bound(check, check.minimum)}" if check.minimum is not None else ""
    most = f"at most {_bound(check, check.maximum)}" if check.maximum is not None else ""
    return " and ".join(bound for bound in (least, most) if bound)


def _no_values(names: Names, check: Check, detail: str) -> str:
    match check.question:
        case Question.SUCCESS_RATE | Question.DURATION:
            # The hint behind the colon is ours; Flagger repeats "no values found" there.
            return (
                f"Halt advancement no values found for {check.provider} metric {check.name} "
                f"probably {names.target}.{names.namespace} is not receiving traffic: {detail}"
            )
        case Question.TEMPLATE:
            return f"Halt advancement no values found for custom metric: {check.name}: {detail}"
        case _:
            return f"Halt advancement no values found for metric: {check.name}"


def _query_failed(check: Check, detail: str) -> str:
    match check.question:
        case Question.SUCCESS_RATE | Question.DURATION:
            return f"Prometheus query failed: {detail}"
        case Question.QUERY:
            return f"Prometheus query failed for {check.name}: {detail}"
        case Question.TEMPLATE:
            return f"Metric query failed for {check.name}: {detail}"
        case _:
            return detail


def _subject(check: Check) -> str:
    match check.question:
        case Question.SUCCESS_RATE:
            return "success rate"
        case Question.DURATION:
            return "request duration"
        case _:
            return check.name


def _comparison(check: Check, value: float) -> str:
    """`69.17% < 99%`, `1.515s > 500ms`, `6.20 > 3`: the value beside the bound it broke."""
    seen = measured(check.question, value)
    if check.minimum is not None and not seen >= check.minimum:
        return f"{_shown(check, seen)} < {_bound(check, check.minimum)}"
    return f"{_shown(check, seen)} > {_bound(check, check.maximum or 0)}"


def _shown(check: Check, value: float) -> str:
    if check.question is Question.DURATION:
        return milliseconds(value)
    return f"{value:z.2f}%" if check.question is Question.SUCCESS_RATE else f"{value:z.2f}"


def _bound(check: Check, bound: float) -> str:
    if check.question is Question.DURATION:
        return milliseconds(bound)
    return f"{bound:g}%" if check.question is Question.SUCCESS_RATE else f"{bound:g}"


def milliseconds(value: float) -> str:
    """A duration as Go prints it: `500ms`, `1.515s`, `1m1.5s`."""
    minutes, rest = divmod(int(value), 60_000)
    if not minutes:
        return f"{rest}ms" if rest < 1000 else f"{rest / 1000:g}s"
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}h" if hours else "") + f"{minutes}m{rest / 1000:g}s"


# -- people ---------------------------------------------------------------------------------------------------------


def paused(canary: CanaryRef, by: str, reason: str) -> str:
    """A person holds the weight where it is (Serinus only)."""
    return f"Pause {canary} advancement{_by(by)}{_because(reason)}"


def resumed(canary: CanaryRef, by: str, reason: str) -> str:
    """A person lets the rollout go on (Serinus only)."""
    return f"Resume {canary} advancement{_by(by)}{_because(reason)}"


def promoted_by_hand(canary: CanaryRef, by: str, reason: str) -> str:
    """A person ends the analysis early (Serinus only)."""
    return f"Promote {canary} without further analysis{_by(by)}{_because(reason)}"


def _by(by: str) -> str:
    return f" by {by}" if by else ""


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""


UNDONE = "Undo the promotion of"


def undone(names: Names, by: str, reason: str) -> str:
    """A person brought back what was promoted before (Serinus only)."""
    return f"{UNDONE} {names.target}.{names.namespace}{_by(by)}{_because(reason)}"


def nothing_to_undo(canary: CanaryRef) -> str:
    """Only the promotion that came last can be undone, and only once (Serinus only)."""
    return f"Nothing to undo for {canary}: what its primary ran before the last promotion is not kept"


# -- who could not be told --------------------------------------------------------------------------------------------


def alert_failed(receiver: str, why: str) -> str:
    """A chat could not be told (Serinus only)."""
    return f"Alert to {receiver} failed: {why}"


def event_webhook_failed(hook: str, why: str) -> str:
    """An event webhook could not be told (Serinus only)."""
    return f"Event webhook {hook} failed: {why}"


# -- the condition Promoted -----------------------------------------------------------------------------------------

CONDITIONS = {
    Phase.INITIALIZING: ("Unknown", "New {kind} detected, starting initialization."),
    Phase.INITIALIZED: ("True", "{kind} initialization completed."),
    Phase.WAITING: ("Unknown", "Waiting for approval."),
    Phase.WAITING_PROMOTION: ("Unknown", "Waiting for approval."),
    Phase.PROGRESSING: ("Unknown", "New revision detected, progressing canary analysis."),
    Phase.PROMOTING: ("Unknown", "Canary analysis completed, starting primary rolling update."),
    Phase.FINALISING: ("Unknown", "Canary analysis completed, routing all traffic to primary."),
    Phase.SUCCEEDED: ("True", "Canary analysis completed successfully, promotion finished."),
    Phase.FAILED: ("False", "Canary analysis failed, {kind} scaled to zero."),
    Phase.TERMINATING: ("Unknown", "Terminating, handing the traffic back to the target."),
}


def condition(phase: Phase, names: Names, why: str) -> tuple[str, str]:
    """Status (`True`, `False`, `Unknown`) and message of condition Promoted; `why` is what made it halt or fail."""
    status, message = CONDITIONS.get(phase, ("Unknown", ""))
    sentence = message.format(kind=names.kind)
    return status, f"{sentence} {why}".strip()


def reason(phase: Phase, names: Names, message: str) -> str:
    """What `condition` was given as `why` when it made this message."""
    sentence = condition(phase, names, "")[1]
    return message.removeprefix(sentence).strip() if message.startswith(sentence) else ""
