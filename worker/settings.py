"""What can be set, by flag or environment; nothing else reads the environment.

The Temporal connection comes from Temporal's own variables and file (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE,
TEMPORAL_API_KEY, TEMPORAL_CONFIG_FILE …), the cluster from KUBECONFIG or the pod's ServiceAccount.
"""

import os
from base64 import b64decode
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from k8s.targets.base import DEFAULT_SELECTOR_LABELS

TASK_QUEUE = "serinus"
PREFIX = "SERINUS_"
KEY_BYTES = 32
OTHERS_VARIABLES = frozenset({"KUBECONFIG"})


def _also(name: str) -> AliasChoices:
    """Our variable, or Flagger's."""
    return AliasChoices(f"{PREFIX}{name}", name)


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


class EncryptionSettings(BaseSettings):
    """Keys for what Temporal stores. What holds a secret is never shown."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, env_ignore_empty=True)

    encryption_keys: SecretStr = SecretStr("")
    """`name=key`, with commas or line ends between; the first encrypts, all decrypt. Keys are 32 bytes, in base64."""
    encryption_keys_file: Path | None = None
    """A file that holds the same, such as one of a mounted Secret."""
    codec_token: SecretStr = SecretStr("")
    """Bearer token that `serinus codec-server` wants; required where others than this machine reach it."""

    @property
    def keys(self) -> dict[str, bytes]:
        """By name, in order; empty: nothing is encrypted."""
        file = self.encryption_keys_file
        return keys_of(file.read_text() if file else self.encryption_keys.get_secret_value())

    @field_validator("encryption_keys")
    @classmethod
    def _are_keys(cls, keys: SecretStr) -> SecretStr:
        keys_of(keys.get_secret_value())
        return keys

    @field_validator("encryption_keys_file")
    @classmethod
    def _holds_keys(cls, file: Path | None) -> Path | None:
        try:
            if file and not keys_of(file.read_text()):
                raise ValueError("write the name of a file that holds a key; this one is empty")
        except OSError as error:
            raise ValueError(f"write the name of a file that can be read ({error.strerror})") from error
        return file


def keys_of(text: str) -> dict[str, bytes]:
    """Keys by their names, in order.

    Raises:
        ValueError: a name is there twice or not at all, or a key is none; the text holds none of it.
    """
    lines = [line.strip() for line in text.replace(",", "\n").splitlines() if line.strip()]
    keys = {}
    for line in lines:
        name, _, key = line.partition("=")
        try:
            keys[name] = b64decode(key, validate=True)
        except ValueError:
            keys[name] = b""
    if len(keys) < len(lines) or "" in keys or any(len(key) != KEY_BYTES for key in keys.values()):
        raise ValueError("write name=key, each name once, each key 32 bytes in base64 (openssl rand -base64 32)")
    return keys


class AlertSettings(BaseSettings):
    """Who is told about Canaries that name nobody. What holds a secret is never shown."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, env_ignore_empty=True, validate_default=True)

    slack_url: SecretStr = Field(default=SecretStr(""), validation_alias=_also("SLACK_URL"))
    """Incoming webhook, or with a token https://slack.com/api/chat.postMessage."""
    slack_token: SecretStr = Field(default=SecretStr(""), validation_alias=_also("SLACK_TOKEN"))
    """Of a bot that may write to the channel."""
    slack_proxy_url: SecretStr = Field(default=SecretStr(""), validation_alias=_also("SLACK_PROXY_URL"))
    slack_user: str = "flagger"
    slack_channel: str = ""
    """Required with slack_url."""
    msteams_url: SecretStr = Field(default=SecretStr(""), validation_alias=_also("MSTEAMS_URL"))
    """Of a workflow that posts webhook requests; goes before Slack."""
    msteams_proxy_url: SecretStr = Field(default=SecretStr(""), validation_alias=_also("MSTEAMS_PROXY_URL"))
    event_webhook: SecretStr = Field(
        default=SecretStr(""), validation_alias=AliasChoices(f"{PREFIX}EVENT_WEBHOOK", "EVENT_WEBHOOK_URL")
    )
    """Gets every event of Canaries without webhooks of type event."""
    cluster_name: str = ""
    """Shown in alerts."""

    @field_validator("*")
    @classmethod
    def _is_url(cls, value: object, info: ValidationInfo) -> object:
        secret = value.get_secret_value() if isinstance(value, SecretStr) else ""
        if secret and info.field_name != "slack_token" and not secret.startswith(("http://", "https://")):
            raise ValueError("write a URL that begins with http:// or https://")
        return value

    @field_validator("slack_channel")
    @classmethod
    def _has_channel(cls, channel: str, info: ValidationInfo) -> str:
        if not channel and (url := info.data.get("slack_url")) and url.get_secret_value():
            raise ValueError("write the channel that Slack messages go to, such as general")
        return channel


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
    include_label_prefix: Annotated[tuple[str, ...], NoDecode] = ()
    """Comma-separated; labels and annotations of the target with one of these prefixes are on the primary too.

    `*`: all. The labels of the primary's own ConfigMaps and Secrets follow in the same way.
    """
    enable_config_tracking: bool = True
    """Off: the primary shares the target's ConfigMaps and Secrets, and a change of theirs is no revision."""
    sync_scalers: bool = False
    """Whether the primary's autoscaler follows the target's at any time; else at a promotion and with the Canary."""
    no_cross_namespace_refs: bool = False
    """Whether Canaries are kept from MetricTemplates, AlertProviders and Upstreams of other namespaces."""
    allow_metadata_addresses: bool = False
    """Whether webhooks, providers and chats may lead to link-local and cloud metadata addresses."""
    host: str = "0.0.0.0"  # noqa: S104 - the kubelet probes from outside the pod
    """Address of /healthz, /readyz and /metrics."""
    port: int = Field(default=8080, ge=1, le=65535)
    """Port of /healthz, /readyz and /metrics. Flagger's default."""
    alerts: AlertSettings = Field(default_factory=AlertSettings)
    temporal: TemporalSettings = Field(default_factory=TemporalSettings)
    encryption: EncryptionSettings = Field(default_factory=EncryptionSettings)
    logs: LogSettings = Field(default_factory=LogSettings)

    @field_validator("selector_labels", "include_label_prefix", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value

    @field_validator("selector_labels", "include_label_prefix")
    @classmethod
    def _name_something(cls, labels: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if not all(labels):
            what = "label keys" if info.field_name == "selector_labels" else "prefixes"
            raise ValueError(f"write {what} with one comma between them, such as app,name")
        return labels


SECRET_VARIABLES = frozenset(
    f"{PREFIX}{name.upper()}"
    for settings in (AlertSettings, EncryptionSettings)
    for name, field in settings.model_fields.items()
    if field.annotation is SecretStr
)


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


def temporal_environment() -> dict[str, str]:
    """What Temporal's SDK is to read its variables from: empty ones count as left out, as ours do.

    Line ends around a value go: a key from a file has one, and a header with one is not sent.
    """
    return {name: value.strip() for name, value in os.environ.items() if value.strip()}


def _told(location: tuple[int | str, ...], value: object, message: str) -> str:
    name = str(location[0]).upper()
    variable = name if name in OTHERS_VARIABLES or name.startswith(PREFIX) else f"{PREFIX}{name}"
    shown = "not usable" if variable in SECRET_VARIABLES else f"{value!r}"
    remedy = message.removeprefix("Value error, ")
    return f"{variable} is {shown}: {remedy[:1].lower()}{remedy[1:]}"
