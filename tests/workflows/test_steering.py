"""Every command in every phase and state: followed, or refused with a remedy."""

import pytest

from workflows.observation import Phase
from workflows.steering import STEERABLE, Command, Steering, Verb, follow, refusal

REVISION = "s1-abcdef"
ANN = Command(by="ann")
FREE, PROMOTING = Steering(), Steering(promote=ANN)
PAUSED, ABORTING = Steering(pause=ANN), Steering(abort=ANN)

FOLLOWED = ""
ABORTED = "the rollout is being aborted already"
NOT_PAUSED = "the rollout is not paused"
PAUSED_ALREADY = "the rollout is paused already; resume lets it go on"
NO_PAUSE = "the promotion is under way; abort brings the traffic back to the primary"
PROMOTED_ALREADY = "the promotion is under way already"


def why(verb: Verb, steering: Steering, phase: Phase, command: Command | None = None) -> str:
    """The refusal without its beginning, which always names the verb."""
    answer = refusal(verb, command or Command(), steering, phase, REVISION)
    assert answer == "" or answer.startswith(f"cannot {verb}: ")
    return answer.removeprefix(f"cannot {verb}: ")


@pytest.mark.parametrize("verb", Verb)
@pytest.mark.parametrize("phase", sorted(set(Phase) - STEERABLE))
@pytest.mark.parametrize(
    "steering", [FREE, PROMOTING, PAUSED, ABORTING], ids=["free", "promoting", "paused", "aborting"]
)
def test_nothing_is_followed_while_no_rollout_is_under_way(verb: Verb, phase: Phase, steering: Steering) -> None:
    """The refusal names the phase, and what starts a rollout."""
    expected = f"no rollout is under way (phase {phase or 'New'}); change the target to start one"

    assert why(verb, steering, phase) == expected


ANALYSING = [Phase.PROGRESSING, Phase.WAITING, Phase.WAITING_PROMOTION]


@pytest.mark.parametrize(
    ("phases", "verb", "steering", "expected"),
    [
        pytest.param(ANALYSING, Verb.PROMOTE, FREE, FOLLOWED, id="promote"),
        pytest.param(ANALYSING, Verb.PROMOTE, PAUSED, FOLLOWED, id="promote a paused one"),
        pytest.param(ANALYSING, Verb.PROMOTE, PROMOTING, PROMOTED_ALREADY, id="promote twice"),
        pytest.param(ANALYSING, Verb.ABORT, FREE, FOLLOWED, id="abort"),
        pytest.param(ANALYSING, Verb.ABORT, PAUSED, FOLLOWED, id="abort a paused one"),
        pytest.param(ANALYSING, Verb.ABORT, PROMOTING, FOLLOWED, id="abort what was to be promoted"),
        pytest.param(ANALYSING, Verb.PAUSE, FREE, FOLLOWED, id="pause"),
        pytest.param(ANALYSING, Verb.PAUSE, PAUSED, PAUSED_ALREADY, id="pause twice"),
        pytest.param(ANALYSING, Verb.PAUSE, PROMOTING, NO_PAUSE, id="pause what was to be promoted"),
        pytest.param(ANALYSING, Verb.RESUME, FREE, NOT_PAUSED, id="resume what runs"),
        pytest.param(ANALYSING, Verb.RESUME, PAUSED, FOLLOWED, id="resume"),
        pytest.param(ANALYSING, Verb.RESUME, PROMOTING, NOT_PAUSED, id="resume what was to be promoted"),
        pytest.param([Phase.PROMOTING], Verb.PROMOTE, FREE, PROMOTED_ALREADY, id="promote in a promotion"),
        pytest.param([Phase.PROMOTING], Verb.ABORT, FREE, FOLLOWED, id="abort a promotion"),
        pytest.param([Phase.PROMOTING], Verb.ABORT, PROMOTING, FOLLOWED, id="abort a promotion by hand"),
        pytest.param([Phase.PROMOTING], Verb.PAUSE, FREE, NO_PAUSE, id="pause a promotion"),
        pytest.param([Phase.PROMOTING], Verb.RESUME, FREE, NOT_PAUSED, id="resume a promotion"),
        pytest.param(STEERABLE, Verb.PROMOTE, ABORTING, ABORTED, id="promote in an abort"),
        pytest.param(STEERABLE, Verb.ABORT, ABORTING, ABORTED, id="abort twice"),
        pytest.param(STEERABLE, Verb.PAUSE, ABORTING, ABORTED, id="pause in an abort"),
        pytest.param(STEERABLE, Verb.RESUME, ABORTING, ABORTED, id="resume in an abort"),
    ],
)
def test_a_command_is_followed_or_refused(phases: list[Phase], verb: Verb, steering: Steering, expected: str) -> None:
    """Exactly this, in each of the phases."""
    assert {why(verb, steering, phase) for phase in phases} == {expected}


@pytest.mark.parametrize("verb", [Verb.PROMOTE, Verb.ABORT, Verb.PAUSE])
@pytest.mark.parametrize(
    ("named", "followed"),
    [
        pytest.param(REVISION, True, id="all of it"),
        pytest.param("s1-abc", True, id="its beginning"),
        pytest.param("", True, id="none"),
        pytest.param("s1-abcdefg", False, id="more than it"),
        pytest.param("abcdef", False, id="its end"),
        pytest.param("s1-fedcba", False, id="another"),
    ],
)
def test_a_command_for_another_revision_is_refused(verb: Verb, named: str, followed: bool) -> None:
    """Who means one revision does not steer the next one by accident."""
    answer = why(verb, FREE, Phase.PROGRESSING, Command(revision=named))

    assert answer == ("" if followed else f"revision {named} is not the one under way, which is {REVISION}")


@pytest.mark.parametrize(
    ("verb", "before", "after"),
    [
        pytest.param(Verb.PROMOTE, PAUSED, Steering(promote=ANN), id="promote ends a pause"),
        pytest.param(Verb.ABORT, PAUSED, Steering(pause=ANN, abort=ANN), id="abort"),
        pytest.param(Verb.PAUSE, FREE, Steering(pause=ANN), id="pause"),
        pytest.param(Verb.RESUME, PAUSED, Steering(), id="resume"),
    ],
)
def test_following_puts_the_command_in_force(verb: Verb, before: Steering, after: Steering) -> None:
    """And tells the person what will happen."""
    steering = before.model_copy()

    message = follow(verb, ANN, steering)

    assert steering == after
    assert message


@pytest.mark.parametrize("verb", Verb)
@pytest.mark.parametrize("phase", sorted(STEERABLE))
@pytest.mark.parametrize(
    "steering", [FREE, PROMOTING, PAUSED, ABORTING], ids=["free", "promoting", "paused", "aborting"]
)
def test_no_command_is_followed_twice(verb: Verb, phase: Phase, steering: Steering) -> None:
    """What was followed is refused when it comes again."""
    steering = steering.model_copy()
    if refusal(verb, ANN, steering, phase, REVISION):
        return
    follow(verb, ANN, steering)

    assert refusal(verb, ANN, steering, phase, REVISION) != ""
