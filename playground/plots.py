"""What differs in the guide's stories by who divides the traffic: the Canary, and where its users and insiders call."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

MANIFESTS = Path(__file__).with_name("manifests")

ANALYSIS_INTERVAL = re.compile(r"^    interval: \w+$", re.MULTILINE)
"""By its indentation, which those of metrics do not have."""


class Provider(StrEnum):
    """Who divides the traffic, as `serinus demo --provider` takes it."""

    GATEWAYAPI = "gatewayapi"
    LINKERD = "linkerd"
    NGINX = "nginx"


@dataclass(frozen=True)
class Plot:
    """One way to tell the stories."""

    canary: str = "podinfo-canary"
    """Name of the Canary's manifest."""
    provider: str = ""
    """`spec.provider` that is written into it; empty: what stands there, or else the worker's."""
    beside: tuple[str, ...] = ("loadtester",)
    """Names of the manifests of what stands around the application."""
    interval_seconds: int = 30
    """What the guide has in the Canary."""
    users_url: str = "http://podinfo.test:9898/"
    canary_url: str = "http://podinfo-canary.test:9898/"
    insider: Mapping[str, str] = field(default_factory=dict)
    """Headers with which a request to `canary_url` gets to the canary, while others do not."""
    unit: str = "weight"
    """What an analysis climbs in."""
    faulty_from: int = 15
    """From when on the faulty release fails, in that unit."""

    @property
    def host(self) -> str:
        """By which users call."""
        return urlsplit(self.users_url).hostname or ""

    def curl(self, path: str = "") -> str:
        """The command with which one looks at the canary."""
        headers = "".join(f"-H '{name}: {value}' " for name, value in self.insider.items())
        return f"curl -s {headers}{self.canary_url}{path}"

    def lacking(self, deployments: str) -> tuple[str, ...]:
        """The manifests to apply where these Deployments are, as `kubectl get -o name` lists them.

        An application that is there keeps its image: applying the guide's would be a new release of it.
        """
        return self.beside if "deployment.apps/podinfo\n" in deployments else ("podinfo", *self.beside)

    def manifest(self, namespace: str, interval: str = "") -> str:
        """The guide's Canary, with another analysis interval if one is given; its metrics keep theirs."""
        text = manifest(self.canary, namespace)
        if self.provider:
            text = text.replace("\nspec:\n", f"\nspec:\n  provider: {self.provider}\n", 1)
        return ANALYSIS_INTERVAL.sub(f"    interval: {interval}", text, count=1) if interval else text


GUIDE = Plot()
PLOTS = {
    Provider.GATEWAYAPI: GUIDE,
    Provider.LINKERD: Plot(provider="linkerd"),
    Provider.NGINX: Plot(
        canary="podinfo-canary-ab-testing",
        beside=("loadtester", "podinfo-ingress"),
        interval_seconds=60,
        users_url="http://app.example.com/",
        canary_url="http://app.example.com/",
        insider={"X-Canary": "always"},
        unit="iteration",
        faulty_from=3,
    ),
}


def manifest(name: str, namespace: str = "test") -> str:
    """One of the playground's manifests, moved to a namespace."""
    text = (MANIFESTS / f"{name}.yaml").read_text()
    if namespace == "test":
        return text
    return text.replace("namespace: test", f"namespace: {namespace}").replace(".test", f".{namespace}")
