"""What helm makes of our charts, and the kustomize files that are generated from them: `make deploy`."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from playground.binaries import ensure_for_tests
from playground.progress import ConsoleProgress

DEPLOY = Path(__file__).parents[1] / "deploy"
CHARTS = DEPLOY / "charts"
SOURCE = re.compile(r"^# Source: \S+/(\w+)\.yaml$", re.MULTILINE)
HELMS_OWN = ("helm.sh/chart", "app.kubernetes.io/managed-by")
"""Labels that mean nothing where helm is not the one who installs."""
HEADER = "# Generated from the chart {chart} by `make deploy`.\n"

Json = dict[str, Any]


class HelmRefused(Exception):
    """Helm does not take the chart or the values; the text is what it says."""


@dataclass(frozen=True)
class Overlay:
    """A folder of kustomize files that come from a chart.

    Args:
        release: the name that `helm install` would be given.
        templates: those whose objects are taken; empty: all.
    """

    chart: str
    release: str
    namespace: str
    values: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()


OVERLAYS = {
    "base": Overlay("serinus", "serinus", "serinus-system"),
    "linkerd": Overlay(
        "serinus", "serinus", "serinus-system", ("linkerdAuthPolicy.create=true",), ("authorizationpolicy",)
    ),
    # The name that the guide's Canary calls.
    "tester": Overlay("loadtester", "flagger-loadtester", "test"),
}


def run_helm(helm: Path, *words: str) -> str:
    """What helm prints.

    Raises:
        HelmRefused: it failed.
    """
    done = subprocess.run([helm, *words], capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode:
        raise HelmRefused(done.stderr.strip())
    return done.stdout


def rendered(helm: Path, overlay: Overlay) -> dict[str, list[Json]]:
    """The objects that each template of the chart makes, in helm's order; raises HelmRefused."""
    words = [overlay.release, str(CHARTS / overlay.chart), "--namespace", overlay.namespace]
    sets = [word for value in overlay.values for word in ("--set", value)]
    objects: dict[str, list[Json]] = {}
    for document in run_helm(helm, "template", *words, *sets).split("\n---\n"):
        source, obj = SOURCE.search(document), yaml.safe_load(document)
        if source and obj:
            objects.setdefault(source[1], []).append(obj)
    return objects


def files(helm: Path) -> Iterator[tuple[Path, str]]:
    """Every generated file below `deploy/kustomize` with its text; raises HelmRefused."""
    for folder, overlay in OVERLAYS.items():
        for template, objects in rendered(helm, overlay).items():
            if not overlay.templates or template in overlay.templates:
                text = yaml.safe_dump_all([_without_helm(obj) for obj in objects], sort_keys=False, width=120)
                yield Path(folder, f"{template}.yaml"), HEADER.format(chart=overlay.chart) + text


def _without_helm(value: Any) -> Any:
    match value:
        case dict():
            kept = {key: _without_helm(each) for key, each in value.items() if key not in HELMS_OWN}
            return {key: each for key, each in kept.items() if each or not value[key]}
        case list():
            return [_without_helm(each) for each in value]
        case _:
            return value


def main(into: Path) -> None:
    """Write them."""
    with ConsoleProgress(Console(stderr=True)) as progress:
        helm = asyncio.run(ensure_for_tests(progress)).helm
    for path, text in files(helm):
        (into / path).write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
