"""Encryption of what Temporal stores: nothing is readable without the key, and keys can be replaced one by one."""

import sys
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from temporalio import activity, workflow
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowFailureError
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from worker.codec import CannotDecrypt, EncryptionCodec, converter_of
from worker.settings import EncryptionSettings, WrongSetting, keys_of, load_settings

OLD, NEW = {"old": b"o" * 32}, {"new": b"n" * 32}
TOLD = "pl4nted"


def a_payload(data: bytes = TOLD.encode()) -> Payload:
    """As the JSON converter makes one."""
    return Payload(metadata={"encoding": b"json/plain"}, data=data)


@given(st.binary())
async def test_round_trip(data: bytes) -> None:
    """Whatever is stored comes back, metadata included."""
    codec = EncryptionCodec(OLD)
    assert await codec.decode(await codec.encode([a_payload(data)])) == [a_payload(data)]


async def test_nothing_is_readable() -> None:
    """Neither data nor how they were encoded; and the same twice does not look the same."""
    first, second = await EncryptionCodec(OLD).encode([a_payload(), a_payload()])
    for text in (TOLD, "json/plain"):
        assert text.encode() not in first.SerializeToString()
    assert first.data != second.data


async def test_rotation() -> None:
    """The first key encrypts, the others still decrypt; once a key is gone, the text says which."""
    stored = await EncryptionCodec(OLD).encode([a_payload()])
    both = EncryptionCodec(NEW | OLD)
    assert await both.decode(stored) == [a_payload()]
    assert await EncryptionCodec(NEW).decode(await both.encode([a_payload()])) == [a_payload()]
    with pytest.raises(CannotDecrypt, match="no key 'old' in SERINUS_ENCRYPTION_KEYS"):
        await EncryptionCodec(NEW).decode(stored)


async def test_what_was_never_encrypted() -> None:
    """Histories from before, and what people type without a codec, are read as they are."""
    assert await EncryptionCodec(OLD).decode([a_payload()]) == [a_payload()]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda payload: payload.data[:-1] + b"x",
        lambda payload: b"x" * 12 + payload.data[12:],
        lambda _: b"",
        lambda payload: payload.data[:11],
    ],
    ids=["tag", "nonce", "empty", "short"],
)
async def test_what_was_altered(spoil: Callable[[Payload], bytes]) -> None:
    """Is refused."""
    (payload,) = await EncryptionCodec(OLD).encode([a_payload()])
    altered = Payload(metadata=payload.metadata, data=spoil(payload))
    with pytest.raises(CannotDecrypt, match="not what key 'old'"):
        await EncryptionCodec(OLD).decode([altered])


async def test_a_key_under_anothers_name() -> None:
    """Is refused: the name is part of what is sealed."""
    (payload,) = await EncryptionCodec(OLD).encode([a_payload()])
    renamed = Payload(metadata=dict(payload.metadata) | {"encryption-key-id": b"new"}, data=payload.data)
    with pytest.raises(CannotDecrypt):
        await EncryptionCodec({"new": OLD["old"]}).decode([renamed])


# -- on a server ------------------------------------------------------------------------------------------------------


@activity.defn
async def fail(text: str) -> str:
    """Tells its argument in an error."""
    raise ApplicationError(text, text, non_retryable=True)


@workflow.defn
class Failing:
    """Carries a secret through everything that Temporal stores."""

    @workflow.run
    async def run(self, text: str) -> str:
        """Argument, summary, current details, activity, failure."""
        workflow.set_current_details(text)
        return await workflow.execute_activity(fail, text, summary=text, start_to_close_timeout=timedelta(seconds=10))


async def test_a_history_holds_nothing_readable() -> None:
    """Arguments, summaries, failures and their stack traces are encrypted, and who has the key reads them."""
    program = Path(sys.executable).parent / "temporal-test-server"
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(program), data_converter=converter_of(OLD)
    ) as server:
        async with Worker(
            server.client,
            task_queue="codec",
            workflows=[Failing],
            activities=[fail],
            workflow_runner=UnsandboxedWorkflowRunner(),
        ):
            handle = await server.client.start_workflow(Failing.run, TOLD, id="codec", task_queue="codec")
            with pytest.raises(WorkflowFailureError) as failed:
                await handle.result()
        history = await handle.fetch_history()
    assert TOLD in str(failed.value.cause.__cause__)  # of the activity
    stored = b"".join(event.SerializeToString() for event in history.events)
    assert TOLD.encode() not in stored
    assert b"test_codec.py" not in stored


def test_without_keys() -> None:
    """Nothing changes."""
    assert converter_of({}) is pydantic_data_converter


# -- settings ---------------------------------------------------------------------------------------------------------


def written(keys: Mapping[str, bytes], between: str = ",") -> str:
    """As a setting."""
    return between.join(f"{name}={b64encode(key).decode()}" for name, key in keys.items())


@pytest.mark.parametrize("between", [",", "\n", " ,\n "])
def test_keys(monkeypatch: pytest.MonkeyPatch, between: str) -> None:
    """In the order in which they are written."""
    monkeypatch.setenv("SERINUS_ENCRYPTION_KEYS", written(NEW | OLD, between))
    assert list(load_settings().encryption.keys.items()) == [*NEW.items(), *OLD.items()]


def test_keys_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As a mounted Secret has them."""
    file = tmp_path / "keys"
    file.write_text(f"{written(NEW)}\n{written(OLD)}\n")
    monkeypatch.setenv("SERINUS_ENCRYPTION_KEYS_FILE", str(file))
    assert list(load_settings().encryption.keys) == ["new", "old"]


@pytest.mark.parametrize(
    "text",
    ["s3cret", "a=s3cret", f"a={b64encode(b's3cret').decode()}", f"{written(OLD)},{written(OLD)}", f"=={'x' * 44}"],
    ids=["no name", "no base64", "too short", "twice", "empty name"],
)
def test_what_is_no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    """Is refused with the way to make one, and without telling it."""
    file = tmp_path / "keys"
    file.write_text(text)
    for name, value in {"SERINUS_ENCRYPTION_KEYS": text, "SERINUS_ENCRYPTION_KEYS_FILE": str(file)}.items():
        monkeypatch.setenv(name, value)
        with pytest.raises(WrongSetting, match=rf"{name} is .*openssl rand -base64 32") as refused:
            load_settings()
        assert "s3cret" not in str(refused.value)
        monkeypatch.delenv(name)


def test_a_file_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is named."""
    monkeypatch.setenv("SERINUS_ENCRYPTION_KEYS_FILE", "/nonexistent/keys")
    with pytest.raises(WrongSetting, match=r"SERINUS_ENCRYPTION_KEYS_FILE is .*/nonexistent/keys.*No such file"):
        load_settings()


def test_an_empty_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Is a mistake, and not a wish to do without."""
    file = tmp_path / "keys"
    file.touch()
    monkeypatch.setenv("SERINUS_ENCRYPTION_KEYS_FILE", str(file))
    with pytest.raises(WrongSetting, match="this one is empty"):
        load_settings()


def test_keys_are_not_shown() -> None:
    """Whoever prints the settings."""
    settings = EncryptionSettings(encryption_keys=SecretStr(written(OLD)), codec_token=SecretStr("s3cret"))
    assert b64encode(OLD["old"]).decode() not in repr(settings)
    assert "s3cret" not in repr(settings)
    assert keys_of("") == {}
