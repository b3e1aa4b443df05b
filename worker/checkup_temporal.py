"""What Temporal must offer: a namespace, the search attributes, and a worker that takes tasks."""

from collections.abc import AsyncIterator

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from worker.checkup import Finding, away, fine, wrong
from worker.settings import TemporalSettings
from worker.temporal import TemporalUnfit, connect, missing_search_attributes
from worker.unreached import variables_of

TASKS = {TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW: "workflows", TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY: "activities"}


async def of_temporal(settings: TemporalSettings) -> AsyncIterator[Finding]:
    """Nothing further is asked of who is away."""
    try:
        client = await connect()
    except TemporalUnfit as error:
        yield away("Temporal", str(error), "")
        return
    yield fine("Temporal", f"answers at {client.service_client.config.target_host}")
    try:
        async for finding in _of_namespace(client, settings):
            yield finding
    except RPCError as error:
        yield wrong("Temporal", f"says: {error.message}", f"see {variables_of(error)}")


async def _of_namespace(client: Client, settings: TemporalSettings) -> AsyncIterator[Finding]:
    """Raises RPCError."""
    namespace = await _namespace(client)
    yield namespace
    if namespace.remedy:
        return
    if settings.search_attributes:
        yield await _search_attributes(client)
    yield await _workers(client, settings.task_queue)


async def _namespace(client: Client) -> Finding:
    name = client.namespace
    try:
        found = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=name))
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        remedy = f"run temporal operator namespace create -n {name}, or set TEMPORAL_NAMESPACE"
        return wrong("Temporal namespace", f"{name} does not exist", remedy)
    days = found.config.workflow_execution_retention_ttl.ToTimedelta().total_seconds() / 86_400
    return fine("Temporal namespace", f"{name} keeps a release history of {days:g} days")


async def _search_attributes(client: Client) -> Finding:
    what = "search attributes"
    try:
        missing = await missing_search_attributes(client)
    except TemporalUnfit as error:
        return wrong(what, str(error), "see SERINUS_SEARCH_ATTRIBUTES")
    if missing:
        remedy = "start serinus worker, which registers them, or set SERINUS_SEARCH_ATTRIBUTES=false"
        return wrong(what, f"not registered: {', '.join(sorted(missing))}", remedy)
    return fine(what, "all are registered")


async def _workers(client: Client, task_queue: str) -> Finding:
    """Who asked for tasks within the last minutes."""
    for kind, name in TASKS.items():
        request = DescribeTaskQueueRequest(
            namespace=client.namespace, task_queue=TaskQueue(name=task_queue), task_queue_type=kind
        )
        if not (await client.workflow_service.describe_task_queue(request)).pollers:
            return wrong("worker", f"none takes {name} from task queue {task_queue}", "start serinus worker")
    return fine("worker", f"takes tasks from task queue {task_queue}")
