"""What the real Flagger 1.44.0 left in a cluster, a file for each story, cut down to what can tell anything.

Recorded with a podinfo of two versions, 6.0.0 in the primary and 6.0.1 in the target, by ending Flagger's process at
that point. Left out are what the API server gives to an object (uids, versions, addresses) and most of the status.
"""

from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]
FOLDER = Path(__file__).parent
STORIES = tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def left(story: str, namespace: str = "test") -> list[Json]:
    """The objects of a story, the Canary first, in another namespace."""
    text = (FOLDER / f"{story}.yaml").read_text().replace(".test/", f".{namespace}/")
    objects: list[Json] = list(yaml.safe_load_all(text))
    for obj in objects:
        obj["metadata"]["namespace"] = namespace
    return objects
