"""What a canary needs next: a pure function from what was seen to a move. Its tests are tables."""

from dataclasses import dataclass

from workflows.observation import AT_REST, MIDWAY, PROMOTED, UNBORN, Names, Observation, Phase, Revision, Status


@dataclass(frozen=True)
class Gone:
    """There is nothing left to act on."""


@dataclass(frozen=True)
class Finalize:
    """The Canary is being deleted and our finalizer holds it: hand everything back."""


@dataclass(frozen=True)
class Rest:
    """Nothing to do until something changes; an idle canary costs nothing."""


@dataclass(frozen=True)
class Suspend:
    """`spec.suspend`: traffic and workloads stay as they are."""


@dataclass(frozen=True)
class Block:
    """Nothing can be done until a person changes something."""

    problem: str


@dataclass(frozen=True)
class Bootstrap:
    """No primary serves yet: make one, then move the traffic to it."""


@dataclass(frozen=True)
class Adopt:
    """Another controller left this canary at rest: take it over as it is, with hashes of our own."""

    revision: Revision
    promoted: bool = True
    """The primary runs it; else it is the one that failed, and is not tried again."""


@dataclass(frozen=True)
class Reconcile:
    """At rest, but the Canary's spec (or its autoscaler, or a label of a config) changed since it was last seen to."""


@dataclass(frozen=True)
class RecordUndo:
    """At rest, but an undo whose history is not here gave the primary what the status does not know of."""

    restored: str
    """Template hash of what the primary runs."""


@dataclass(frozen=True)
class Restore:
    """The primary is gone, and the target still has the template it ran: make it again."""


@dataclass(frozen=True)
class RollOut:
    """The target differs from what was last taken up: analyse it, then promote it or roll it back."""

    revision: Revision


@dataclass(frozen=True)
class Withdraw:
    """What waited for approval is gone: the target runs again what was promoted, or what failed."""

    phase: Phase


@dataclass(frozen=True)
class Restart:
    """A rollout whose history is not here stopped midway: lead its traffic back, then analyse from the beginning."""

    revision: Revision
    promoted: str = ""
    """Template hash of what the primary got by a promotion whose end was not recorded."""


@dataclass(frozen=True)
class Finish:
    """A rollout whose history is not here, of what the primary runs by now: complete it."""

    revision: Revision


Move = (
    Gone
    | Finalize
    | Rest
    | Suspend
    | Block
    | Bootstrap
    | Adopt
    | Reconcile
    | RecordUndo
    | Restore
    | Withdraw
    | RollOut
    | Restart
    | Finish
)


def decide(seen: Observation) -> Move:
    """The next move for a canary of which no rollout is under way in memory."""
    # Deleted without a finalizer: owned objects are collected by the cluster.
    if not seen.found:
        return Gone()
    # A deletion must be able to end even if the spec is broken or the target is gone.
    if seen.deleting:
        return Finalize()
    if seen.suspended:
        return Suspend()
    if seen.problem or seen.revision is None or seen.plan is None:
        return Block(seen.problem)
    if seen.status.phase in UNBORN:
        return Bootstrap()
    # What the primary ran must not be guessed: only a target that still has the promoted template can tell.
    if not seen.primary_found:
        promoted = seen.revision.template == seen.status.promoted
        return Restore() if promoted else Block(primary_gone(seen.names, seen.status.promoted))
    # The history of a promotion is gone, but the primary shows that it had begun.
    if seen.status.phase in PROMOTED and seen.primary_is_target:
        return Finish(seen.revision)
    if is_foreign(seen.status.applied, seen.status.promoted) and (move := take_over(seen, seen.revision)):
        return move
    if seen.status.phase is Phase.WAITING and not is_new(seen):
        return Withdraw(Phase.SUCCEEDED if seen.revision.template == seen.status.promoted else Phase.FAILED)
    if seen.status.phase not in AT_REST or is_new(seen):
        unrecorded = seen.primary_template if seen.status.phase in PROMOTED else ""
        return Restart(seen.revision, unrecorded) if may_have_traffic(seen.status) else RollOut(seen.revision)
    return between_releases(seen)


def between_releases(seen: Observation) -> Move:
    """What a canary needs whose target has nothing new."""
    if seen.primary_template not in ("", seen.status.applied, seen.status.promoted):
        return RecordUndo(seen.primary_template)
    if (seen.generation, seen.config_versions) != (seen.status.generation, seen.status.config_versions):
        return Reconcile()
    if not seen.scaler_is_current:
        return Reconcile()
    return Rest()


def primary_gone(names: Names, promoted: str) -> str:
    """Nobody knows the template any more; a person has to say which."""
    return (
        f"{names.primary}.{names.namespace} is gone and {names.target}.{names.namespace} no longer has the template "
        f"it ran ({promoted}): set {names.target} back to it, or delete the Canary and create it again"
    )


def is_new(seen: Observation) -> bool:
    """Whether the target's template or config was neither promoted nor analysed before."""
    revision, status = seen.revision, seen.status
    if revision is None:
        return False
    template_is_new = revision.template not in (status.applied, status.promoted)
    return template_is_new or revision.configs != (status.configs or {})


HASH_PREFIX = "s1-"


def is_foreign(*template_hashes: str) -> bool:
    """Whether another controller computed one of the hashes; an empty one is nobody's."""
    return any(hash_ and not hash_.startswith(HASH_PREFIX) for hash_ in template_hashes)


def take_over(seen: Observation, revision: Revision) -> Move | None:
    """What another controller left without a release of ours: its hashes are opaque, so compare what runs instead."""
    if seen.primary_is_target:
        return Adopt(revision) if seen.status.phase in AT_REST else Finish(revision)
    # Failed is where the target and the primary differ at rest.
    if seen.status.phase is Phase.FAILED and is_foreign(seen.status.applied):
        return Adopt(revision, promoted=False)
    return None


def may_have_traffic(status: Status) -> bool:
    """Whether the canary may be serving users: an analysis or a promotion stopped midway, or a promotion failed."""
    return status.phase in MIDWAY or status.weight > 0
