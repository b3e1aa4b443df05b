"""The page on metrics lists every series that is exported, with its type and its labels, and no other."""

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from activities.meters import Meters
from k8s.client import Cluster
from k8s.informers import Informer
from k8s.resources import CANARIES
from tests.objects import a_canary
from worker.metrics import Metrics, Sdk
from workflows.observation import Phase
from workflows.verdict import Check, Question, Value

PAGE = Path(__file__).parents[2] / "docs" / "observability.md"
ROW = re.compile(r"^\| `(flagger_\w+)` \| (\w+) \| ([^|]+) \|", re.MULTILINE)
OF_A_HISTOGRAM = {"le"}


def documented() -> dict[str, tuple[str, set[str]]]:
    """Type and labels by name."""
    return {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in ROW.findall(PAGE.read_text())}


def full() -> Meters:
    """Of a process that saw everything once."""
    meters = Meters()
    meters.ended(a_canary(), Phase.SUCCEEDED)
    meters.ended(a_canary(), Phase.FAILED)
    check = Check(name="errors", question=Question.QUERY, answer=Value(value=1))
    meters.examined("podinfo", "test", [check], took_seconds=1, interval_seconds=60)
    return meters


async def test_every_series_is_documented_and_no_other(cluster: Cluster) -> None:
    """As Prometheus reads them."""
    canaries = Informer(cluster, CANARIES.path())
    canaries._put(a_canary(metadata={"resourceVersion": "1"}))
    canaries._synced.set()
    text = (await Metrics(canaries, full(), Sdk.start(), "linkerd").text()).decode()
    exported = {}
    for family in text_string_to_metric_families(text):
        if family.name.startswith("flagger_"):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = {label for sample in family.samples for label in sample.labels} - OF_A_HISTOGRAM
            exported[name] = (family.type, labels)
    assert exported == documented()
