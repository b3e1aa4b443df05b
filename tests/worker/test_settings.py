"""Settings come from the environment, and a wrong one is named as it stands there."""

from pathlib import Path

import pytest

from activities.alerts.destination import Destination
from worker.process import defaults_of
from worker.settings import WrongSetting, load_settings


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flagger's, where it has the setting."""
    monkeypatch.delenv("KUBECONFIG")
    settings = load_settings()
    assert settings.kubeconfig is None
    assert (settings.namespace, settings.mesh_provider, settings.port) == ("", "gatewayapi:v1", 8080)
    assert settings.metrics_server == "http://prometheus:9090"
    assert settings.selector_labels == ("app", "name", "app.kubernetes.io/name")
    assert (settings.minimum_interval_seconds, settings.unreadable_limit) == (10, 0)
    assert (settings.include_label_prefix, settings.enable_config_tracking) == ((), True)
    assert (settings.sync_scalers, settings.no_cross_namespace_refs) == (False, False)
    assert (settings.temporal.task_queue, settings.temporal.search_attributes) == ("serinus", True)


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each by its variable."""
    values = {
        "KUBECONFIG": "/tmp/kubeconfig",  # noqa: S108 - a name, not a file
        "SERINUS_NAMESPACE": "test",
        "SERINUS_MESH_PROVIDER": "gatewayapi:v1beta1",
        "SERINUS_METRICS_SERVER": "http://mimir",
        "SERINUS_SELECTOR_LABELS": "team, app",
        "SERINUS_MINIMUM_INTERVAL_SECONDS": "0.5",
        "SERINUS_UNREADABLE_LIMIT": "3",
        "SERINUS_INCLUDE_LABEL_PREFIX": "team/, app.kubernetes.io/",
        "SERINUS_ENABLE_CONFIG_TRACKING": "false",
        "SERINUS_SYNC_SCALERS": "true",
        "SERINUS_NO_CROSS_NAMESPACE_REFS": "true",
        "SERINUS_PORT": "9000",
        "SERINUS_TASK_QUEUE": "blue",
        "SERINUS_SEARCH_ATTRIBUTES": "false",
        "SERINUS_LOG_LEVEL": "debug",
        "SERINUS_CLUSTER_NAME": "blue",
    }
    for variable, value in values.items():
        monkeypatch.setenv(variable, value)
    settings = load_settings()
    assert settings.kubeconfig == Path("/tmp/kubeconfig")  # noqa: S108 - a name, not a file
    assert (settings.namespace, settings.mesh_provider) == ("test", "gatewayapi:v1beta1")
    assert (settings.metrics_server, settings.port) == ("http://mimir", 9000)
    assert settings.selector_labels == ("team", "app")
    assert settings.include_label_prefix == ("team/", "app.kubernetes.io/")
    assert (settings.enable_config_tracking, settings.sync_scalers) == (False, True)
    assert settings.no_cross_namespace_refs
    assert (settings.minimum_interval_seconds, settings.unreadable_limit) == (0.5, 3)
    assert (settings.temporal.task_queue, settings.temporal.search_attributes) == ("blue", False)
    assert settings.logs.log_level == "debug"
    assert (settings.no_cross_namespace_refs, settings.alerts.cluster_name) == (True, "blue")


@pytest.mark.parametrize("variable", ["KUBECONFIG", "SERINUS_PORT", "SERINUS_SELECTOR_LABELS", "SERINUS_TASK_QUEUE"])
def test_empty_is_unset(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """A manifest that passes an empty value means the default."""
    monkeypatch.setenv(variable, "")
    settings = load_settings()
    assert settings.port == 8080
    assert settings.selector_labels == ("app", "name", "app.kubernetes.io/name")
    assert settings.temporal.task_queue == "serinus"
    assert settings.kubeconfig != Path()


@pytest.mark.parametrize(
    ("variable", "value", "remedy"),
    [
        ("SERINUS_PORT", "http", "input should be a valid integer"),
        ("SERINUS_PORT", "70000", "input should be less than or equal to 65535"),
        ("SERINUS_MINIMUM_INTERVAL_SECONDS", "0", "input should be greater than 0"),
        ("SERINUS_UNREADABLE_LIMIT", "-1", "input should be greater than or equal to 0"),
        ("SERINUS_MAX_CACHED_WORKFLOWS", "0", "input should be greater than or equal to 1"),
        ("SERINUS_LOG_LEVEL", "loud", "input should be 'debug', 'info', 'warning' or 'error'"),
        ("SERINUS_SEARCH_ATTRIBUTES", "perhaps", "input should be a valid boolean"),
        ("SERINUS_SELECTOR_LABELS", "app,,name", "write label keys with one comma between them, such as app,name"),
        ("SERINUS_INCLUDE_LABEL_PREFIX", "team/,", "write prefixes with one comma between them, such as app,name"),
    ],
)
def test_wrong(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, remedy: str) -> None:
    """The variable, its value, and what it should be."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(WrongSetting) as refusal:
        load_settings()
    assert str(refusal.value).startswith(f"{variable} is {value!r}: {remedy}")


def test_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two mistakes are told together."""
    monkeypatch.setenv("SERINUS_PORT", "http")
    monkeypatch.setenv("SERINUS_UNREADABLE_LIMIT", "-1")
    with pytest.raises(WrongSetting, match=r"SERINUS_UNREADABLE_LIMIT is '-1': .*; SERINUS_PORT is 'http': "):
        load_settings()


# -- alerts -----------------------------------------------------------------------------------------------------------

SLACK = "https://hooks.slack.com/services/s3cret"
TEAMS = "https://logic.azure.com/s3cret"


def test_nobody_is_alerted_by_default() -> None:
    """Nor is any event published."""
    defaults = defaults_of(load_settings())
    assert (defaults.chat, defaults.event_webhook, defaults.cluster_name) == (None, "", "")


@pytest.mark.parametrize("prefix", ["SERINUS_", ""])
def test_slack(monkeypatch: pytest.MonkeyPatch, prefix: str) -> None:
    """Flagger's own variables are understood too, and no secret is ever shown."""
    monkeypatch.setenv(f"{prefix}SLACK_URL", SLACK)
    monkeypatch.setenv(f"{prefix}SLACK_TOKEN", "xoxb-s3cret")
    monkeypatch.setenv(f"{prefix}SLACK_PROXY_URL", "http://user:s3cret@proxy")
    monkeypatch.setenv("SERINUS_SLACK_CHANNEL", "releases")
    monkeypatch.setenv("SERINUS_SLACK_USER", "canary")
    settings = load_settings()
    chat = defaults_of(settings).chat
    expected = Destination("slack", SLACK, "xoxb-s3cret", "http://user:s3cret@proxy", "releases", "canary")
    assert chat == expected
    assert "s3cret" not in f"{settings!r} {settings} {chat!r} {defaults_of(settings)!r}"


@pytest.mark.parametrize("prefix", ["SERINUS_", ""])
def test_teams_goes_before_slack(monkeypatch: pytest.MonkeyPatch, prefix: str) -> None:
    """As with Flagger."""
    monkeypatch.setenv("SLACK_URL", SLACK)
    monkeypatch.setenv("SERINUS_SLACK_CHANNEL", "releases")
    monkeypatch.setenv(f"{prefix}MSTEAMS_URL", TEAMS)
    monkeypatch.setenv(f"{prefix}MSTEAMS_PROXY_URL", "http://proxy")
    assert defaults_of(load_settings()).chat == Destination("msteams", TEAMS, proxy="http://proxy")


@pytest.mark.parametrize("variable", ["SERINUS_EVENT_WEBHOOK", "EVENT_WEBHOOK_URL"])
def test_event_webhook(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """A secret as well: it may hold a token."""
    monkeypatch.setenv(variable, "http://log/s3cret")
    settings = load_settings()
    assert defaults_of(settings).event_webhook == "http://log/s3cret"
    assert "s3cret" not in f"{settings!r} {defaults_of(settings)!r}"


def test_ours_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where both are set."""
    monkeypatch.setenv("MSTEAMS_URL", "https://theirs")
    monkeypatch.setenv("SERINUS_MSTEAMS_URL", TEAMS)
    assert defaults_of(load_settings()).chat == Destination("msteams", TEAMS)


def test_slack_wants_a_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Said at start-up, where somebody reads it."""
    monkeypatch.setenv("SLACK_URL", SLACK)
    with pytest.raises(WrongSetting) as refusal:
        load_settings()
    assert str(refusal.value) == (
        "SERINUS_SLACK_CHANNEL is '': write the channel that Slack messages go to, such as general"
    )


@pytest.mark.parametrize(
    "variable",
    [
        "SERINUS_SLACK_URL",
        "SERINUS_SLACK_PROXY_URL",
        "SERINUS_MSTEAMS_URL",
        "SERINUS_MSTEAMS_PROXY_URL",
        "SERINUS_EVENT_WEBHOOK",
    ],
)
def test_a_wrong_url_is_not_shown(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """It may be the token, put in the wrong place."""
    monkeypatch.setenv(variable, "s3cret")
    with pytest.raises(WrongSetting) as refusal:
        load_settings()
    assert str(refusal.value) == f"{variable} is not usable: write a URL that begins with http:// or https://"
