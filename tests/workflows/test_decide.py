"""`decide` as a table: what was seen, and the move it calls for."""

from typing import Any

import pytest

from tests.builders import NAMES, NEW, NEWER, OLD, a_status, an_observation
from workflows.decide import (
    Adopt,
    Block,
    Bootstrap,
    Finalize,
    Finish,
    Gone,
    Move,
    Reconcile,
    RecordUndo,
    Rest,
    Restart,
    Restore,
    RollOut,
    Suspend,
    decide,
    primary_gone,
)
from workflows.observation import Observation, Phase, Revision, Status

FOREIGN = "7f9c8d6b5"
CONFIG = {"configmap/podinfo": "abc"}


def another(phase: Phase, **changes: Any) -> Status:
    """As another controller leaves it: its hashes, no generation."""
    return a_status(**({"phase": phase, "applied": FOREIGN, "promoted": FOREIGN, "generation": 0} | changes))


@pytest.mark.parametrize(
    ("seen", "move"),
    [
        pytest.param(an_observation(), Rest(), id="nothing new"),
        pytest.param(an_observation(found=False), Gone(), id="deleted"),
        pytest.param(an_observation(deleting=True, problem="broken"), Finalize(), id="deleting, even if broken"),
        pytest.param(an_observation(suspended=True, revision=NEW), Suspend(), id="suspended with a new revision"),
        pytest.param(an_observation(problem="no target", revision=None), Block("no target"), id="missing target"),
        pytest.param(an_observation(status=a_status(phase=Phase.NEW)), Bootstrap(), id="never seen before"),
        pytest.param(an_observation(status=a_status(phase=Phase.INITIALIZING)), Bootstrap(), id="bootstrap cut short"),
        pytest.param(an_observation(primary_found=False), Restore(), id="the primary was deleted"),
        pytest.param(
            an_observation(primary_found=False, revision=NEW),
            Block(primary_gone(NAMES, OLD.template)),
            id="the primary was deleted, and nobody has its template",
        ),
        pytest.param(an_observation(revision=NEW), RollOut(NEW), id="new template"),
        pytest.param(
            an_observation(revision=OLD.model_copy(update={"configs": CONFIG})),
            RollOut(Revision(template=OLD.template, configs=CONFIG)),
            id="new config",
        ),
        pytest.param(
            an_observation(revision=NEW, status=a_status(phase=Phase.FAILED, applied=NEW.template)),
            Rest(),
            id="a failed revision is not tried again",
        ),
        pytest.param(
            an_observation(
                revision=NEW,
                primary_template=OLD.template,
                status=a_status(applied=NEW.template, promoted=NEW.template),
            ),
            RecordUndo(OLD.template),
            id="an undo whose history is lost is recorded",
        ),
        pytest.param(
            an_observation(
                revision=NEW,
                primary_template=NEW.template,
                status=a_status(phase=Phase.FAILED, applied=NEW.template),
            ),
            Rest(),
            id="a failed promotion that could not be undone is no undo",
        ),
        pytest.param(
            an_observation(revision=OLD, status=a_status(phase=Phase.FAILED, applied=NEW.template)),
            Rest(),
            id="back to what the primary runs",
        ),
        pytest.param(
            an_observation(revision=NEW, status=a_status(phase=Phase.PROGRESSING, applied=NEW.template)),
            Restart(NEW),
            id="a rollout whose history is lost starts again",
        ),
        pytest.param(
            an_observation(revision=NEW, status=a_status(phase=Phase.PROMOTING, applied=NEW.template)),
            Finish(NEW),
            id="a promotion whose history is lost is completed",
        ),
        pytest.param(
            an_observation(
                revision=NEW,
                primary_is_target=False,
                status=a_status(phase=Phase.PROMOTING, applied=NEW.template),
            ),
            Restart(NEW),
            id="a promotion that had not begun is analysed again",
        ),
        pytest.param(
            an_observation(
                revision=NEWER,
                primary_is_target=False,
                primary_template=NEW.template,
                status=a_status(phase=Phase.FINALISING, applied=NEW.template),
            ),
            Restart(NEWER, promoted=NEW.template),
            id="a promotion whose history is lost is recorded before the next release",
        ),
        pytest.param(
            an_observation(revision=NEW, status=a_status(phase=Phase.FAILED, applied=OLD.template, weight=100)),
            Restart(NEW),
            id="a failed promotion left the traffic on the canary",
        ),
        pytest.param(
            an_observation(revision=NEW, status=a_status(phase=Phase.FAILED, applied=NEW.template, weight=100)),
            Rest(),
            id="a failed promotion is not tried again",
        ),
        pytest.param(an_observation(status=another(Phase.INITIALIZED)), Adopt(OLD), id="another's, initialized"),
        pytest.param(an_observation(status=another(Phase.SUCCEEDED)), Adopt(OLD), id="another's, succeeded"),
        pytest.param(
            an_observation(primary_is_target=False, status=another(Phase.SUCCEEDED)),
            RollOut(OLD),
            id="another's with a new revision",
        ),
        pytest.param(
            an_observation(primary_is_target=False, status=another(Phase.FAILED)),
            Adopt(OLD, promoted=False),
            id="another's failed revision is not tried again",
        ),
        pytest.param(
            an_observation(primary_is_target=False, status=another(Phase.FAILED, applied="s1-before")),
            RollOut(OLD),
            id="a new revision after the one that failed",
        ),
        pytest.param(
            an_observation(primary_is_target=False, status=another(Phase.FAILED, applied=OLD.template, generation=1)),
            Rest(),
            id="another's failed revision, taken over",
        ),
        pytest.param(
            an_observation(status=another(Phase.FAILED, applied=NEW.template)),
            Adopt(OLD),
            id="after a failed one, back to what another's primary runs",
        ),
        pytest.param(
            an_observation(status=another(Phase.FAILED, promoted="")),
            Adopt(OLD),
            id="another's bootstrap that failed",
        ),
        pytest.param(
            an_observation(primary_is_target=False, status=another(Phase.WAITING)),
            RollOut(OLD),
            id="another's at its first gate",
        ),
        pytest.param(
            an_observation(primary_is_target=False, status=another(Phase.PROGRESSING)),
            Restart(OLD),
            id="another's in the middle of its analysis",
        ),
        pytest.param(
            an_observation(primary_is_target=False, status=another(Phase.WAITING_PROMOTION)),
            Restart(OLD),
            id="another's at its last gate",
        ),
        pytest.param(an_observation(status=another(Phase.PROMOTING)), Finish(OLD), id="another's being promoted"),
        pytest.param(an_observation(status=another(Phase.FINALISING)), Finish(OLD), id="another's nearly finished"),
        pytest.param(
            an_observation(status=another(Phase.PROGRESSING)),
            Finish(OLD),
            id="another's, set back to what its primary runs",
        ),
        pytest.param(an_observation(status=another(Phase.INITIALIZING)), Bootstrap(), id="another's cut short"),
        pytest.param(an_observation(generation=2), Reconcile(), id="spec edited at rest"),
        pytest.param(an_observation(config_versions={"secret/a": "9"}), Reconcile(), id="a config's label edited"),
        pytest.param(an_observation(scaler_is_current=False), Reconcile(), id="the autoscaler changed"),
        pytest.param(
            an_observation(scaler_is_current=False, revision=NEW),
            RollOut(NEW),
            id="a release brings the autoscaler along",
        ),
    ],
)
def test_move(seen: Observation, move: Move) -> None:
    """Exactly this move follows from what was seen."""
    assert decide(seen) == move
