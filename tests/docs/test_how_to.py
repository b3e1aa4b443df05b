"""The Canaries of the how-to pages are ones that Serinus takes: neither router nor target refuses them."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from k8s.models.loading import load_canary
from k8s.routers.registry import ROUTERS, router_for
from k8s.targets.registry import target_for

PAGES = sorted((Path(__file__).parents[2] / "docs" / "how-to").glob("*.md"))
BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[Any]:
    """Every YAML block of a page."""
    return [yaml.safe_load(block) for block in BLOCK.findall(page.read_text())]


def variants(page: Path) -> list[Any]:
    """The page's Canary, and what it becomes with each `analysis` that is shown by itself."""
    first, *others = blocks(page)
    return [first, *(first | {"spec": first["spec"] | other} for other in others)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_its_canaries_are_taken(page: Path) -> None:
    """Each for the provider that the page is about."""
    for raw in variants(page):
        canary = load_canary(raw)
        ref = canary.spec.target_ref
        provider = str(canary.spec.provider)
        assert router_for(provider).problem(canary) == ""
        assert target_for(ref.api_version, ref.kind).problem(canary, provider) == ""


def test_every_router_has_a_page() -> None:
    """One for all versions of an API."""
    shown = {str(load_canary(blocks(page)[0]).spec.provider).partition(":")[0] for page in PAGES}
    assert {provider.partition(":")[0] for provider in ROUTERS} - {"linkerd"} == shown
