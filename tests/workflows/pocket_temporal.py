"""Temporal in memory, one event at a time: a test decides which activity ends next, which timer fires, who speaks.

The workflow runs in the SDK's own event loop, as in a worker; what is played here is the server, and the part of the
SDK that lies below Python. Nothing happens by itself, so every order of events can be tried, and tried again.
"""

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from temporalio import workflow
from temporalio.bridge.proto.activity_result import ActivityResolution, Cancellation, Failure, Success
from temporalio.bridge.proto.workflow_activation import (
    CancelWorkflow,
    FireTimer,
    InitializeWorkflow,
    RemoveFromCache,
    ResolveActivity,
    SignalWorkflow,
    WorkflowActivation,
    WorkflowActivationJob,
)
from temporalio.bridge.proto.workflow_commands import (
    ActivityCancellationType,
    ScheduleActivity,
    WorkflowCommand,
)
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.common import Priority, SearchAttributes, TypedSearchAttributes
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError
from temporalio.testing import ActivityEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowInstance, WorkflowInstanceDetails

from workflows.rollout import CanaryRollout
from workflows.state import Request

PAYLOADS = pydantic_data_converter.payload_converter
FAILURES = pydantic_data_converter.failure_converter
MOMENT = timedelta(milliseconds=1)
"""What every event takes, so that no two have the same time."""
CLOSING = (
    "complete_workflow_execution",
    "cancel_workflow_execution",
    "fail_workflow_execution",
    "continue_as_new_workflow_execution",
)


@dataclass
class Pending:
    """An activity that the workflow waits for."""

    order: ScheduleActivity
    attempts: int = 0
    cancel_requested: bool = False

    @property
    def name(self) -> str:
        """Under which it is registered."""
        return self.order.activity_type

    @property
    def may_be_retried(self) -> bool:
        """Whether a failure of this attempt is not the last."""
        limit = self.order.retry_policy.maximum_attempts
        return not self.cancel_requested and (limit == 0 or self.attempts < limit)


class PocketTemporal:
    """One workflow ID with its present run. Close it in the end.

    Args:
        activities: the object whose methods are named as the activities.
        request: what a first run is started with.
    """

    def __init__(self, activities: object, request: Request) -> None:
        self._activities, self._request = activities, request
        self._loop = asyncio.Runner()
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.jobs: list[WorkflowActivationJob] = []
        """What the next task of the workflow will be told."""
        self.pending: dict[int, Pending] = {}
        self.timers: dict[int, datetime] = {}
        """When each fires."""
        self.suggests_continuing = False
        """The history is said to be long."""
        self.runs = 0
        self._run: WorkflowInstance | None = None
        self._is_cancelled = False
        self._log: list[tuple[WorkflowActivation, WorkflowActivationCompletion]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.lose_run()
        self._loop.close()

    @property
    def is_open(self) -> bool:
        """A run is under way."""
        return self._run is not None

    # -- what happens to a workflow -----------------------------------------------------------------------------------

    def signal_with_start(self, name: str, *arguments: object) -> None:
        """As the operator says it: starts a run when there is none."""
        if not self.is_open:
            self._start(PAYLOADS.to_payloads([self._request]))
        self.signal(name, *arguments)

    def signal(self, name: str, *arguments: object) -> None:
        """To the run that is open."""
        event = len(self._log) + 1
        said = SignalWorkflow(signal_name=name, input=PAYLOADS.to_payloads(arguments), originating_event_id=event)
        self.jobs.append(WorkflowActivationJob(signal_workflow=said))

    def cancel(self) -> None:
        """`temporal workflow cancel`; said again, the server does not pass it on."""
        if self._is_cancelled:
            return
        self._is_cancelled = True
        self.jobs.append(WorkflowActivationJob(cancel_workflow=CancelWorkflow(reason="a test")))

    def fire(self, seq: int) -> None:
        """A timer is over; the clock stands at its end then."""
        self.now = max(self.now, self.timers.pop(seq))
        self.jobs.append(WorkflowActivationJob(fire_timer=FireTimer(seq=seq)))

    def attempt(self, seq: int) -> Callable[[], None] | None:
        """Do what the activity does; returns how to tell the workflow, or None when it will be tried again."""
        pending = self.pending[seq]
        pending.attempts += 1
        method = getattr(self._activities, pending.name)
        wanted = [parameter.annotation for parameter in inspect.signature(method).parameters.values()]
        arguments = PAYLOADS.from_payloads(pending.order.arguments, wanted)
        environment = ActivityEnvironment()
        environment.info = replace(environment.info, activity_type=pending.name, attempt=pending.attempts)
        try:
            result = self._loop.run(environment.run(method, *arguments))
        except ApplicationError as error:
            if not error.non_retryable and pending.may_be_retried:
                return None
            failure = Failure()
            FAILURES.to_failure(failure_of(pending, error), PAYLOADS, failure.failure)
            return lambda: self._resolve(seq, ActivityResolution(failed=failure))
        success = Success(result=PAYLOADS.to_payloads([result])[0])
        return lambda: self._resolve(seq, ActivityResolution(completed=success))

    def give_up(self, seq: int) -> None:
        """An activity that was asked to stop does so."""
        self._resolve(seq, cancelled(self.pending[seq]))

    def _resolve(self, seq: int, result: ActivityResolution) -> None:
        del self.pending[seq]
        self.jobs.append(WorkflowActivationJob(resolve_activity=ResolveActivity(seq=seq, result=result)))

    # -- what happens to workers and servers --------------------------------------------------------------------------

    def lose_worker(self) -> None:
        """Another worker takes the run over: it replays the history, and must come to the same commands."""
        if self._run is None:
            return
        self._evict()
        self._run = self._instance()
        for told, did in self._log:
            again = self._run.activate(told)
            assert again == did, f"not deterministic: {again} is not {did}"

    def lose_run(self) -> None:
        """Temporal's data is gone: nobody knows of this run any more."""
        if self._run is not None:
            self._evict()
        self._run = None
        self.jobs, self.pending, self.timers = [], {}, {}

    # -- the workflow's turn -------------------------------------------------------------------------------------------

    def turn(self) -> None:
        """One workflow task: tell what happened, obey what is commanded, until nothing is left to tell."""
        while self._run is not None and self.jobs:
            self.now += MOMENT
            activation = WorkflowActivation(
                run_id=self._run_id, jobs=self.jobs, continue_as_new_suggested=self.suggests_continuing
            )
            activation.timestamp.FromDatetime(self.now)
            self.jobs = []
            completion = self._run.activate(activation)
            assert not completion.HasField("failed"), f"the workflow task failed: {completion.failed}"
            self._log.append((activation, completion))
            for command in completion.successful.commands:
                self._obey(command)

    def _obey(self, command: WorkflowCommand) -> None:
        match command.WhichOneof("variant"):
            case "schedule_activity":
                self.pending[command.schedule_activity.seq] = Pending(command.schedule_activity)
            case "request_cancel_activity":
                self._stop_activity(command.request_cancel_activity.seq)
            case "start_timer":
                timer = command.start_timer
                self.timers[timer.seq] = self.now + timer.start_to_fire_timeout.ToTimedelta()
            case "cancel_timer":
                self.timers.pop(command.cancel_timer.seq, None)
            case closing if closing in CLOSING:
                self._close(command)
            case "set_patch_marker":
                pass
            case other:
                raise AssertionError(f"no such command is expected: {other}")

    def _stop_activity(self, seq: int) -> None:
        """The SDK answers at once, unless the workflow wants to know what became of it."""
        pending = self.pending.get(seq)
        if pending is None:
            return
        pending.cancel_requested = True
        if pending.order.cancellation_type == ActivityCancellationType.TRY_CANCEL:
            self.give_up(seq)

    def _close(self, command: WorkflowCommand) -> None:
        assert not command.HasField("fail_workflow_execution"), f"the workflow failed: {command}"
        self.lose_run()
        if command.HasField("continue_as_new_workflow_execution"):
            self.suggests_continuing = False
            self._start(command.continue_as_new_workflow_execution.arguments)

    def _start(self, arguments: Any) -> None:
        self.runs += 1
        self._log, self._is_cancelled = [], False
        self._run = self._instance()
        start = InitializeWorkflow(workflow_type="CanaryRollout", workflow_id="canary", arguments=arguments)
        self.jobs.append(WorkflowActivationJob(initialize_workflow=start))

    def _evict(self) -> None:
        assert self._run is not None
        self._run.activate(WorkflowActivation(jobs=[WorkflowActivationJob(remove_from_cache=RemoveFromCache())]))

    @property
    def _run_id(self) -> str:
        return f"run-{self.runs}"

    def _instance(self) -> WorkflowInstance:
        details = WorkflowInstanceDetails(
            payload_converter_factory=lambda: PAYLOADS,
            failure_converter_class=type(FAILURES),
            interceptor_classes=(),
            defn=workflow._Definition.must_from_class(CanaryRollout),
            info=self._info(),
            randomness_seed=0,
            extern_functions={},
            disable_eager_activity_execution=True,
            worker_level_failure_exception_types=(),
            patch_activation_callback=None,
            last_completion_result=PAYLOADS.to_payloads_wrapper([]),
            last_failure=None,
        )

        async def create() -> WorkflowInstance:  # within a loop, as the SDK asks
            return UnsandboxedWorkflowRunner().create_instance(details)

        return self._loop.run(create())

    def _info(self) -> workflow.Info:
        attributes: SearchAttributes = {}
        return workflow.Info(
            attempt=1,
            continued_run_id=None,
            cron_schedule=None,
            execution_timeout=None,
            first_execution_run_id=self._run_id,
            headers={},
            namespace="default",
            original_execution_run_id=self._run_id,
            parent=None,
            root=None,
            priority=Priority.default,
            raw_memo={},
            retry_policy=None,
            run_id=self._run_id,
            run_timeout=None,
            search_attributes=attributes,
            start_time=self.now,
            task_queue="pocket",
            task_timeout=timedelta(seconds=10),
            typed_search_attributes=TypedSearchAttributes.empty,
            workflow_id="canary",
            workflow_start_time=self.now,
            workflow_type="CanaryRollout",
        )


def failure_of(pending: Pending, cause: Exception) -> ActivityError:
    """As the server wraps it."""
    error = ActivityError(
        "Activity task failed",
        scheduled_event_id=0,
        started_event_id=0,
        identity="",
        activity_type=pending.name,
        activity_id=str(pending.order.seq),
        retry_state=None,
    )
    error.__cause__ = cause
    return error


def cancelled(pending: Pending) -> ActivityResolution:
    """It stopped because it was asked to."""
    ending = Cancellation()
    FAILURES.to_failure(failure_of(pending, CancelledError("Activity cancelled")), PAYLOADS, ending.failure)
    return ActivityResolution(cancelled=ending)
