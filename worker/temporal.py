"""The connection to Temporal: address, converter, search attributes, workflow ids."""

from collections.abc import Iterable
from datetime import timedelta
from typing import TypeVar

import structlog
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.common import SearchAttributeIndexedValueType, SearchAttributeKey
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.runtime import Runtime
from temporalio.service import RPCError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_delay, wait_exponential

from worker.codec import converter_of
from worker.settings import load_settings, temporal_environment
from worker.unreached import why_unreached
from workflows.console import SEARCH_ATTRIBUTES
from workflows.observation import CanaryRef, Record

log = structlog.get_logger(__name__)

Answer = TypeVar("Answer", bound=Record)
ANSWER_SECONDS = 3.0
"""A worker that hangs must not keep people from what the status says."""
CONNECT_SECONDS = 5.0
"""For one attempt. Linux tries an address of a pod that is gone for two minutes, and all calls wait for that."""
LOCAL_ADDRESS = "127.0.0.1:7233"
WORKFLOW = "CanaryRollout"
SETTINGS = "see the TEMPORAL_… variables, and the file that TEMPORAL_CONFIG_FILE names"
SERVER_TYPES = {
    SearchAttributeIndexedValueType.KEYWORD: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    SearchAttributeIndexedValueType.INT: IndexedValueType.INDEXED_VALUE_TYPE_INT,
}


class TemporalUnfit(Exception):
    """Temporal cannot be used as it is; the text says what to change."""


def workflow_id(canary: CanaryRef) -> str:
    """`canary/<namespace>/<name>`: at most one run acts on a canary."""
    return f"canary/{canary.namespace}/{canary.name}"


async def connect(*, patience_seconds: float = 0, address: str = "", runtime: Runtime | None = None) -> Client:
    """Connect as the TEMPORAL_* environment says, to this machine when it says nothing.

    Args:
        patience_seconds: how long to keep trying while nobody listens.
        address: host and port; empty: as the environment says.
        runtime: of the SDK, with its metrics; the process's default when absent.

    Raises:
        TemporalUnfit: nobody listened in time, or the environment makes no sense.
        WrongSetting: one of ours does not.
    """
    converter, options = converter_of(load_settings().encryption.keys), _options(address)
    host, timeout = options["target_host"], timedelta(seconds=CONNECT_SECONDS)

    def tell(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        log.warning("temporal_not_reached", address=host, error=why_unreached(error, options))

    try:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(RuntimeError),
            stop=stop_after_delay(patience_seconds),
            wait=wait_exponential(multiplier=0.2, max=5),
            before_sleep=tell,
            reraise=True,
        ):
            with attempt:
                return await Client.connect(
                    data_converter=converter, runtime=runtime, connect_timeout=timeout, **options
                )
    except (RuntimeError, ValueError, OSError) as error:
        raise TemporalUnfit(f"Temporal does not answer at {host}: {why_unreached(error, options)}") from error
    raise AssertionError("tenacity re-raises the last error")


def _options(address: str) -> ClientConnectConfig:
    """As the environment says; raises TemporalUnfit."""
    try:
        options = ClientConfig.load_client_connect_config(override_env_vars=temporal_environment())
    except (RuntimeError, ValueError, OSError) as error:
        what = str(error).splitlines()[0]  # the next ones quote the file, which may hold keys
        raise TemporalUnfit(f"the connection to Temporal is not configured: {what}; {SETTINGS}") from None
    options["target_host"] = address or options.get("target_host") or LOCAL_ADDRESS
    return options


async def ask(client: Client, canary: CanaryRef, question: str, answer: type[Answer]) -> Answer | None:
    """What a canary's latest run answers to a query; None when there is no run, or no worker answers in time."""
    handle = client.get_workflow_handle(workflow_id(canary))
    try:
        found: Answer = await handle.query(question, result_type=answer, rpc_timeout=timedelta(seconds=ANSWER_SECONDS))
    except (RPCError, WorkflowQueryFailedError):
        return None
    return found


async def register_search_attributes(client: Client) -> None:
    """Make the namespace know our search attributes, and check that it knows them by our types.

    Raises:
        TemporalUnfit: it has one of them with another type.
    """
    if missing := await missing_search_attributes(client):
        request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
        await client.operator_service.add_search_attributes(request)
        log.info("search_attributes_registered", names=sorted(missing))


async def missing_search_attributes(client: Client) -> dict[str, IndexedValueType.ValueType]:
    """Those of ours that the namespace does not know, with their types.

    Raises:
        TemporalUnfit: it has one of them with another type.
    """
    wanted = {key.name: SERVER_TYPES[key.indexed_value_type] for key in SEARCH_ATTRIBUTES}
    listing = ListSearchAttributesRequest(namespace=client.namespace)
    known = dict((await client.operator_service.list_search_attributes(listing)).custom_attributes)
    _check_types(wanted, known, SEARCH_ATTRIBUTES)
    return {name: kind for name, kind in wanted.items() if name not in known}


def _check_types(
    wanted: dict[str, IndexedValueType.ValueType],
    known: dict[str, IndexedValueType.ValueType],
    keys: Iterable[SearchAttributeKey[str] | SearchAttributeKey[int]],
) -> None:
    wrong = [key.name for key in keys if key.name in known and known[key.name] != wanted[key.name]]
    if wrong:
        raise TemporalUnfit(
            f"search attributes {', '.join(wrong)} exist with another type; remove them, "
            "or set SERINUS_SEARCH_ATTRIBUTES=false"
        )
