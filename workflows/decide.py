"""What a canary needs next: a pure function from what was seen to a move. Its tests are tables."""

from dataclasses import dataclass

from workflows.observation import AT_REST, PROMOTED, UNBORN, Names, Observation, Phase, Revision


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
    """Another controller left this canary at rest, with a primary that already runs the target's template."""

    revision: Revision


@dataclass(frozen=True)
class Reconcile:
    """At rest, but the Canary's spec (or a label of a config) changed since its objects were last written."""


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
class Finish:
    """The primary already got the analysed template when the rollout was lost: complete the promotion."""

    revision: Revision


Move = Gone | Finalize | Rest | Suspend | Block | Bootstrap | Adopt | Reconcile | Restore | Withdraw | RollOut | Finish


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
    # Hashes of another controller are opaque to us: compare what runs instead.
    if seen.status.phase in AT_REST and seen.primary_is_target and is_foreign(seen.status.promoted):
        return Adopt(seen.revision)
    # The history of a promotion is gone, but the primary shows that it had begun.
    if seen.status.phase in PROMOTED and seen.primary_is_target:
        return Finish(seen.revision)
    if seen.status.phase is Phase.WAITING and not is_new(seen):
        return Withdraw(Phase.SUCCEEDED if seen.revision.template == seen.status.promoted else Phase.FAILED)
    if seen.status.phase not in AT_REST or is_new(seen):
        return RollOut(seen.revision)
    if (seen.generation, seen.config_versions) != (seen.status.generation, seen.status.config_versions):
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


def is_foreign(template_hash: str) -> bool:
    """Whether another controller computed this hash; an empty one is nobody's."""
    return bool(template_hash) and not template_hash.startswith(HASH_PREFIX)
