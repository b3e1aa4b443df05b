"""The settings as somebody sees them who sets them: names of variables, and defaults as text."""

import re
from typing import Any

from pydantic import AliasChoices, SecretStr
from pydantic_settings import BaseSettings

from worker.settings import AlertSettings, EncryptionSettings, LogSettings, TemporalSettings, WorkerSettings

WORKERS: tuple[type[BaseSettings], ...] = (
    WorkerSettings,
    AlertSettings,
    TemporalSettings,
    EncryptionSettings,
    LogSettings,
)


def variables(*settings: type[BaseSettings]) -> dict[str, Any]:
    """Every SERINUS_ variable that these read, with its default."""
    found = {}
    for each in settings:
        prefix = each.model_config.get("env_prefix", "")
        for name, field in each.model_fields.items():
            nested = isinstance(field.annotation, type) and issubclass(field.annotation, BaseSettings)
            alias = field.validation_alias
            first = alias.choices[0] if isinstance(alias, AliasChoices) else alias
            variable = str(first or f"{prefix}{name.upper()}")
            if variable.startswith("SERINUS_") and not nested:
                found[variable] = field.default
    return found


def written(default: Any) -> str:
    """A default as text of an environment variable."""
    match default:
        case bool():
            return str(default).lower()
        case float():
            return f"{default:g}"
        case tuple():
            return ",".join(default)
        case SecretStr():
            return default.get_secret_value()
        case re.Pattern():
            return str(default.pattern)
        case None:
            return ""
        case _:
            return str(default)
