"""What a release costs the control plane before anybody controls it: two Deployments of one pod, rolled one by one."""

import asyncio

from k8s.client import Cluster, Json
from k8s.informers import Informer
from k8s.readiness import Ready, readiness
from k8s.resources import DEPLOYMENTS
from playground.watcher import comes_to_hold
from tests.scale.herd import NAMESPACE, at_once, deployment, name_of

READY_SECONDS = 120.0


class NeverReady(Exception):
    """A Deployment's pods did not come in time."""


class BareReleases:
    """Use within a running informer of the namespace's Deployments."""

    def __init__(self, cluster: Cluster, deployments: Informer) -> None:
        self._cluster = cluster
        self._seen: dict[str, Json] = {}
        self._stirred: dict[str, asyncio.Event] = {}
        deployments.on_change(self._on_deployment)

    async def create(self, count: int) -> None:
        """A target without pods and a primary with one, as a bootstrapped canary has them."""

        async def one(number: int) -> None:
            target, primary = _names(number)
            idle = deployment(target)
            idle["spec"]["replicas"] = 0
            for body in (idle, deployment(primary)):
                await self._cluster.create(DEPLOYMENTS.path(NAMESPACE), body)

        await at_once(one, range(count))

    async def release(self, count: int) -> None:
        """A new image and a pod for it, the same image for the primary, and the target's pod gone again."""

        async def one(number: int) -> None:
            target, primary = _names(number)
            await self._roll(target, {**_image_of(target), "replicas": 1})
            await self._roll(primary, _image_of(primary))
            await self._cluster.merge(DEPLOYMENTS.path(NAMESPACE, target), {"spec": {"replicas": 0}})

        await at_once(one, range(count))

    async def _roll(self, name: str, spec: Json) -> None:
        changed = await self._cluster.merge(DEPLOYMENTS.path(NAMESPACE, name), {"spec": spec})
        generation = changed["metadata"]["generation"]

        def is_ready() -> bool:
            seen = self._seen[name]
            return seen["metadata"]["generation"] >= generation and isinstance(readiness(seen), Ready)

        if not await comes_to_hold(is_ready, self._stirred[name], seconds=READY_SECONDS):
            raise NeverReady(f"Deployment {name}: not ready within {READY_SECONDS:.0f} s")

    def _on_deployment(self, _: str, seen: Json) -> None:
        name = seen["metadata"]["name"]
        self._seen[name] = seen
        self._stirred.setdefault(name, asyncio.Event()).set()


def _names(number: int) -> tuple[str, str]:
    return name_of(number), f"{name_of(number)}-primary"


def _image_of(name: str) -> Json:
    return {"template": deployment(name, 1)["spec"]["template"]}
