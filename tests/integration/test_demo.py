"""`serinus demo` as somebody runs it: a world of its own, from the first process to the last."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.integration.scenario import assert_in_order

SECONDS = 280
pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(SECONDS + 20)]
STORY = [
    r".*Initialization done! podinfo\.test",
    r".*Advance podinfo\.test canary iteration 2/10",
    r".* is answered by 6\.0\.1, and without the header by 6\.0\.0",
    r".*Advance podinfo\.test canary iteration 10/10",
    r".*Promotion completed! Scaling down podinfo\.test",
    r".*users of app\.example\.com: [1-9]\d* requests, 0 failed",
    r".*now it fails: curl -s -H 'X-Canary: always' http://app\.example\.com/status/500.*",
    r".*Halt podinfo\.test advancement success rate [\d.]+% < 99%",
    r".*Canary failed! Scaling down podinfo\.test",
    r"Everything went as told in .*",
]


@pytest.mark.usefixtures("binaries")
async def test_the_guides_ab_test_by_nginx(tmp_path: Path) -> None:
    """The guide's Canary and Ingress: insiders alone get a good release, which is promoted, and then a bad one."""
    child = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("serinus"),
        *("demo", "--provider", "nginx", "--exit", "--interval", "2", "--data", str(tmp_path)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(SECONDS):
        output, _ = await child.communicate()
    said = output.decode()

    assert child.returncode == 0, said
    assert_in_order(said.splitlines(), STORY)
