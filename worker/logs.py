"""structlog for everything: our own lines, Temporal's, and the libraries'."""

import logging
import sys

import structlog
from structlog.typing import Processor
from temporalio import activity, workflow

from worker.settings import LogSettings

TALKATIVE = ("httpx", "httpcore", "urllib3")
"""They tell URLs and headers of requests, in which secrets stand; what matters of it is told by whoever asked."""


def configure_logs(settings: LogSettings) -> None:
    """Constant events with values as keys, to stderr: JSON lines, or readable on a terminal."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso"),
    ]
    readable = settings.log_format == "console" or (settings.log_format == "auto" and sys.stderr.isatty())
    last: list[Processor] = (
        [structlog.dev.ConsoleRenderer()]
        if readable
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.basicConfig(handlers=[handler], level=settings.log_level.upper(), force=True)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    # The context travels as `temporal_workflow` and `temporal_activity`, not inside the message.
    workflow.logger.workflow_info_on_message = False
    activity.logger.activity_info_on_message = False
