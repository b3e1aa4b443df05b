"""What can be set, by flag or environment; nothing else reads the environment.

The Temporal connection comes from Temporal's own variables and file (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE,
TEMPORAL_API_KEY, TEMPORAL_CONFIG_FILE …), the cluster from KUBECONFIG or the pod's ServiceAccount.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from k8s.targets.base import DEFAULT_SELECTOR_LABELS

TASK_QUEUE = "serinus"
PREFIX = "SERINUS_"
OTHERS_VARIABLES = frozenset({"KUBECONFIG"})


class LogSettings(BaseSettings):
    """How it speaks."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, env_ignore_empty=True)

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "console"] = "auto"
    """auto: readable on a terminal, JSON elsewhere."""


class TemporalSettings(BaseSettings):
    """Which part of Temporal is ours."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, env_ignore_empty=True)

    task_queue: str = TASK_QUEUE
    search_attributes: bool = True
    """Off where the Temporal namespace does not allow to register them; the UI then shows less."""
    max_cached_workflows: int = Field(default=2000, ge=1)
    """Rollouts held in memory; each further one costs a replay a step."""
    max_concurrent_activities: int = Field(default=1000, ge=1)
    """Waiting for pods holds a slot, not a core."""
    shutdown_grace_seconds: float = Field(default=10.0, ge=0)
    """Keep it below the pod's terminationGracePeriodSeconds."""


class WorkerSettings(BaseSettings):
    """What a Canary may leave unsaid. Named as Flagger's flags."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, env_ignore_empty=True)

    kubeconfig: Path | None = Field(default=None, validation_alias="KUBECONFIG")
    namespace: str = ""
    """Only this namespace; empty: all."""
    mesh_provider: str = "gatewayapi:v1"
    metrics_server: str = "http://prometheus:9090"
    """Prometheus, for built-in checks and inline queries."""
    selector_labels: Annotated[tuple[str, ...], NoDecode] = DEFAULT_SELECTOR_LABELS
    """Comma-separated; the first one present in a target's matchLabels tells its pods from the primary's."""
    minimum_interval_seconds: float = Field(default=10.0, gt=0)
    """Shorter analysis intervals are raised to this; Flagger's is 10."""
    unreadable_limit: int = Field(default=0, ge=0)
    """Rounds of unreadable checks in a row that mean rollback; 0: hold for as long as it takes."""
    drain_seconds: float = Field(default=1.0, ge=0, le=60)
    """Between the end of a canary's traffic and its scale-down: proxies hear of a route a little later."""
    host: str = "0.0.0.0"  # noqa: S104 - the kubelet probes from outside the pod
    """Address of /healthz and /readyz."""
    port: int = Field(default=8080, ge=1, le=65535)
    """Port of /healthz and /readyz. Flagger's default."""
    temporal: TemporalSettings = Field(default_factory=TemporalSettings)
    logs: LogSettings = Field(default_factory=LogSettings)

    @field_validator("selector_labels", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value

    @field_validator("selector_labels")
    @classmethod
    def _name_something(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        if not all(labels):
            raise ValueError("write label keys with one comma between them, such as app,name")
        return labels


class WrongSetting(Exception):
    """A setting cannot be used; the text names each variable, its value and what it should be."""


def load_settings() -> WorkerSettings:
    """The settings that the environment asks for.

    Raises:
        WrongSetting: one or more values cannot be used.
    """
    try:
        return WorkerSettings()
    except ValidationError as error:
        raise WrongSetting(
            "; ".join(_told(each["loc"], each["input"], each["msg"]) for each in error.errors())
        ) from error


def _told(location: tuple[int | str, ...], value: object, message: str) -> str:
    name = str(location[0]).upper()
    variable = name if name in OTHERS_VARIABLES else f"{PREFIX}{name}"
    remedy = message.removeprefix("Value error, ")
    return f"{variable} is {value!r}: {remedy[:1].lower()}{remedy[1:]}"
