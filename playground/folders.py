"""Where the playground keeps what it builds and what it runs on; the only reader of its environment variables."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Folders(BaseSettings):
    """The folders of the playground, from the environment; nothing is written outside them."""

    model_config = SettingsConfigDict(env_ignore_empty=True)  # an empty XDG_CACHE_HOME means unset

    override: Path | None = Field(
        default=None,
        validation_alias="SERINUS_CACHE",
        description="The cache folder itself; unset: a folder named serinus in the user's cache folder.",
    )
    user_cache: Path = Field(
        default=Path("~/.cache"),
        validation_alias="XDG_CACHE_HOME",
        description="The user's cache folder, of which serinus takes one sub-folder.",
    )
    data_override: Path | None = Field(
        default=None,
        validation_alias="SERINUS_DATA",
        description="The data folder itself; unset: a folder named serinus in the user's data folder.",
    )
    user_data: Path = Field(
        default=Path("~/.local/share"),
        validation_alias="XDG_DATA_HOME",
        description="The user's data folder, of which serinus takes one sub-folder.",
    )
    assets: Path | None = Field(
        default=None,
        validation_alias="KUBEBUILDER_ASSETS",
        description="A folder that may hold ready-made etcd and kube-* binaries.",
    )

    @property
    def cache(self) -> Path:
        """Where built binaries and Go's own caches live, absolute."""
        return (self.override or self.user_cache / "serinus").expanduser().absolute()

    @property
    def data(self) -> Path:
        """Where a running world keeps its databases, keys and logs, absolute."""
        return (self.data_override or self.user_data / "serinus").expanduser().absolute()
