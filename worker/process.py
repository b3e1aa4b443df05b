"""Builds everything, starts it, stops it in order."""

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeVar

import structlog
from temporalio.client import Client
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.alerts.destination import Destination
from activities.bench import Bench, Defaults
from activities.faults import FaultInterceptor
from activities.http import Http, shared_client
from activities.meters import Meters
from activities.registry import activities
from activities.report import Reporter
from k8s.client import Cluster
from worker.health import serving_health
from worker.metrics import Metrics, Sdk
from worker.operator import Operator
from worker.settings import AlertSettings, WorkerSettings
from worker.temporal import connect, register_search_attributes
from worker.watches import Watches
from workflows.rollout import CanaryRollout

log = structlog.get_logger(__name__)

Result = TypeVar("Result")
TEMPORAL_PATIENCE_SECONDS = 3600.0
STICKY_SECONDS = 3.0
"""After a worker was lost, its rollouts wait this long for it before another takes them."""


async def run_worker(settings: WorkerSettings, stop: asyncio.Event | None = None) -> None:
    """Work until SIGTERM or SIGINT (or until `stop` is set), then finish what is under way.

    Raises:
        TemporalUnfit: Temporal did not answer for an hour, or lacks what we need.
        Unavailable: there is no usable cluster configuration.
    """
    stop, reached = stop or stop_on_signals(), asyncio.Event()
    meters, sdk = Meters(), Sdk.start()
    async with (
        Cluster.connect(settings.kubeconfig) as cluster,
        Watches(
            cluster, settings.namespace, configs=settings.enable_config_tracking, scalers=settings.sync_scalers
        ) as watches,
        shared_client() as outside,
        serving_health(
            settings.host,
            settings.port,
            lambda: reached.is_set() and watches.are_synced,
            Metrics(watches.canaries, meters, sdk, settings.mesh_provider).text,
        ),
    ):
        if client := await _unless(stop, _reach(settings, watches, sdk)):
            reached.set()
            bench = Bench(
                cluster,
                watches.targets,
                Http(outside, settings.allow_metadata_addresses),
                defaults_of(settings),
                meters,
            )
            operator = Operator(client, watches, settings)
            async with worker_of(client, bench, settings):
                # An operator that fails takes the process with it, to be started anew.
                await _unless(stop, operator.run())
                log.info("worker_stopping", asked=stop.is_set())
    log.info("worker_stopped")


async def _reach(settings: WorkerSettings, watches: Watches, sdk: Sdk) -> Client:
    """Return once Temporal is there and the watches had their time to hold the cluster; raises TemporalUnfit."""
    client = await connect(patience_seconds=TEMPORAL_PATIENCE_SECONDS, runtime=sdk.runtime)
    if settings.temporal.search_attributes:
        await register_search_attributes(client)
    await watches.synced()
    return client


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, Result]) -> Result | None:
    """What the work comes to; None when asked to stop before."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    for task in (stopping, working):
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    return working.result() if working in done else None


def worker_of(client: Client, bench: Bench, settings: WorkerSettings) -> Worker:
    """The Temporal worker with all workflows and activities."""
    temporal = settings.temporal
    return Worker(
        client,
        task_queue=temporal.task_queue,
        workflows=[CanaryRollout],
        activities=activities(bench),
        interceptors=[FaultInterceptor(bench, Reporter(bench))],
        workflow_runner=SandboxedWorkflowRunner(
            restrictions=SandboxRestrictions.default.with_passthrough_modules("workflows")
        ),
        max_cached_workflows=temporal.max_cached_workflows,
        max_concurrent_activities=temporal.max_concurrent_activities,
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=STICKY_SECONDS),
        graceful_shutdown_timeout=timedelta(seconds=temporal.shutdown_grace_seconds),
    )


def defaults_of(settings: WorkerSettings) -> Defaults:
    """The settings that activities need, without the rest."""
    return Defaults(
        mesh_provider=settings.mesh_provider,
        metrics_server=settings.metrics_server,
        selector_labels=settings.selector_labels,
        minimum_interval_seconds=settings.minimum_interval_seconds,
        unreadable_limit=settings.unreadable_limit,
        drain_seconds=settings.drain_seconds,
        include_label_prefix=settings.include_label_prefix,
        enable_config_tracking=settings.enable_config_tracking,
        sync_scalers=settings.sync_scalers,
        no_cross_namespace_refs=settings.no_cross_namespace_refs,
        chat=chat_of(settings.alerts),
        event_webhook=settings.alerts.event_webhook.get_secret_value(),
        cluster_name=settings.alerts.cluster_name,
    )


def chat_of(settings: AlertSettings) -> Destination | None:
    """The worker's own chat: Teams, or else Slack, or none."""
    if url := settings.msteams_url.get_secret_value():
        return Destination("msteams", url, proxy=settings.msteams_proxy_url.get_secret_value())
    if url := settings.slack_url.get_secret_value():
        return Destination(
            "slack",
            url,
            token=settings.slack_token.get_secret_value(),
            proxy=settings.slack_proxy_url.get_secret_value(),
            channel=settings.slack_channel,
            username=settings.slack_user,
        )
    return None


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
