"""Settings come from the environment, and a wrong one is named as it stands there."""

from pathlib import Path

import pytest

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
        "SERINUS_PORT": "9000",
        "SERINUS_TASK_QUEUE": "blue",
        "SERINUS_SEARCH_ATTRIBUTES": "false",
        "SERINUS_LOG_LEVEL": "debug",
    }
    for variable, value in values.items():
        monkeypatch.setenv(variable, value)
    settings = load_settings()
    assert settings.kubeconfig == Path("/tmp/kubeconfig")  # noqa: S108 - a name, not a file
    assert (settings.namespace, settings.mesh_provider) == ("test", "gatewayapi:v1beta1")
    assert (settings.metrics_server, settings.port) == ("http://mimir", 9000)
    assert settings.selector_labels == ("team", "app")
    assert (settings.minimum_interval_seconds, settings.unreadable_limit) == (0.5, 3)
    assert (settings.temporal.task_queue, settings.temporal.search_attributes) == ("blue", False)
    assert settings.logs.log_level == "debug"


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
