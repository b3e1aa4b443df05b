"""The load tester's gates hold and call off releases, as Flagger's do, and stay open through a crash."""

import httpx
import pytest

from playground.stage import Stage
from tests.integration.scenario import NAME, Scene, a_canary, unchecked

pytestmark = pytest.mark.integration


async def call(scene: Scene, path: str) -> tuple[int, str]:
    """Status and text, as `curl` in the cluster gets them."""
    async with httpx.AsyncClient(proxy=scene.stage.proxy, trust_env=False, timeout=5) as curl:
        body = {"name": NAME, "namespace": scene.namespace}
        answer = await curl.post(f"http://flagger-loadtester.{scene.namespace}/{path}", json=body)
    return answer.status_code, answer.text


async def test_gates_hold_and_call_off_releases(stage: Stage) -> None:
    """One waits for the gate, the next one finds it open after a crash, the last one is rolled back by the other."""
    namespace = "tester-gates"
    tester = f"http://flagger-loadtester.{namespace}"
    webhooks = [
        {"name": "gate", "type": "confirm-promotion", "url": f"{tester}/gate/check"},
        {"name": "panic", "type": "rollback", "url": f"{tester}/rollback/check"},
    ]
    async with a_canary(stage, namespace, unchecked(namespace, 50, webhooks=webhooks)) as scene:
        await scene.release("6.0.1")
        await scene.until_phase("WaitingPromotion")
        assert await call(scene, "gate/check") == (403, "Forbidden")
        assert await call(scene, "gate/open") == (202, "")
        assert await scene.until_over() == "Succeeded"

        await stage.loadtester.kill()
        await stage.loadtester.start()
        assert await call(scene, "gate/check") == (200, "Approved")
        await scene.release("6.0.2")
        await scene.until_event("Confirm-promotion check gate passed")
        assert await scene.until_over() == "Succeeded"
        assert not any(text.startswith("Halt") for text in scene.texts)

        await call(scene, "gate/close")
        await scene.release("6.0.3")
        await scene.until_phase("WaitingPromotion")
        await call(scene, "rollback/open")
        assert await scene.until_over() == "Failed"
        await call(scene, "rollback/close")
        assert f"Rolling back {NAME}.{namespace} manual webhook invoked" in scene.texts
