"""What can be set for the load tester, by flag or by LOADTESTER_… in the environment; nothing else here reads it."""

import os
import re
from pathlib import Path
from typing import Any

from pydantic import DirectoryPath, Field, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict

from worker.settings import LogSettings

PREFIX = "LOADTESTER_"


class WrongSetting(Exception):
    """A setting cannot be used; the text names each one, its value and what it should be."""


class LoadTesterSettings(LogSettings):
    """Where it listens, and how much it may run."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True)

    host: str = "127.0.0.1"
    """It runs what it is told, so other machines reach it only where somebody decided that they may."""
    port: int = Field(default=9090, ge=0, le=65535)
    """0: any free one; the log says which."""
    task_timeout_seconds: float = Field(default=3600.0, gt=0, allow_inf_nan=False)
    """A task that takes longer is ended. Flagger's default."""
    max_tasks: int = Field(default=64, ge=1)
    """Tasks that may run at once; further calls are answered 429."""
    namespace_regexp: re.Pattern[str] = re.compile("")
    """Canaries of other namespaces are answered 403. It may match anywhere, as in Flagger: ^…$ for the whole name."""
    extra_path: DirectoryPath | None = None
    """A folder of programs that tasks find before those on PATH."""

    gates_file: Path | None = None
    """Where the open gates are kept; none: a restart closes them. One process owns it."""
    token: SecretStr = SecretStr("")
    """What a caller has to know, save for /healthz and /metrics; empty: nothing. From the environment alone, since
    everybody on the machine can read the arguments of a process."""

    def task_environment(self) -> dict[str, str]:
        """The environment of every task: ours, so that `http_proxy` and the like hold there too, save for the token."""
        environment = dict(os.environ)
        environment.pop(f"{PREFIX}TOKEN", None)
        if self.extra_path is not None:
            folders = [str(self.extra_path.absolute()), environment.get("PATH", os.defpath)]
            environment["PATH"] = os.pathsep.join(folders)
        return environment


def load_settings(**given: Any) -> LoadTesterSettings:
    """Settings from the environment; what is given, and not None, goes first.

    Raises:
        WrongSetting: one or more values cannot be used.
    """
    try:
        return LoadTesterSettings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise WrongSetting(
            "; ".join(_told(each["loc"], each["input"], each["msg"]) for each in error.errors())
        ) from error


def _told(location: tuple[int | str, ...], value: object, message: str) -> str:
    return f"{PREFIX}{str(location[0]).upper()} is {value!r}: {message[:1].lower()}{message[1:]}"
