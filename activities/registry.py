"""The list of activities that the worker registers."""

from collections.abc import Callable
from typing import Any

from activities.alert import AlertChat
from activities.bench import Bench
from activities.bootstrap import Bootstrap
from activities.checks import Examine
from activities.finalize import Finalize
from activities.hooks import CallHook
from activities.observe import Observe
from activities.probe import Probe
from activities.promote import Promote
from activities.publish import Publish
from activities.readiness import AwaitReady
from activities.report import Reporter
from activities.route import RouteTraffic
from activities.scale import ScaleTarget


def activities(bench: Bench) -> list[Callable[..., Any]]:
    """One bound method for every name in `workflows.effects.Activity`."""
    reporter = Reporter(bench)
    bootstrap, finalize, promotion = Bootstrap(bench, reporter), Finalize(bench), Promote(bench, reporter)
    return [
        Observe(bench).observe,
        bootstrap.create_primary,
        bootstrap.open_traffic,
        AwaitReady(bench).await_ready,
        ScaleTarget(bench, reporter).scale,
        CallHook(bench).call_hook,
        Examine(bench).examine,
        RouteTraffic(bench, reporter).route,
        promotion.promote,
        promotion.undo_promotion,
        reporter.report,
        finalize.hand_back,
        finalize.release,
        AlertChat(bench).alert,
        Publish(bench).publish,
        Probe(bench).probe,
    ]
