"""Runs kubectl against a world, as a person would."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path


class KubectlFailed(Exception):
    """kubectl ended with an exit code other than zero; the text is what it said."""


async def kubectl(
    binary: Path, words: Sequence[str], *, environment: Mapping[str, str], manifest: str | None = None
) -> str:
    """What kubectl prints for these words; `manifest` goes to its standard input, for `-f -`.

    Raises:
        KubectlFailed: it failed.
    """
    child = await asyncio.create_subprocess_exec(
        str(binary),
        *words,
        stdin=asyncio.subprocess.PIPE if manifest is not None else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    try:
        output, error = await child.communicate(manifest.encode() if manifest is not None else None)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode != 0:
        said = error.decode(errors="replace").strip()
        raise KubectlFailed(f"kubectl {' '.join(words)} ended with exit code {child.returncode}: {said}")
    return output.decode()
