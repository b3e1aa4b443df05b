"""Whether the parents of an HTTPRoute honour it, by its status. Pure."""

from k8s.client import Json


def obstacle_of(route: Json) -> str:
    """A parent that refused the route, or has only seen an older one; empty when none did, or none says anything."""
    metadata = route["metadata"]
    generation = metadata.get("generation", 0)
    for parent in (route.get("status") or {}).get("parents") or []:
        for condition in parent.get("conditions") or []:
            if condition["type"] == "Accepted" and not is_accepted(condition, generation):
                return (
                    f"HTTPRoute {metadata['name']}.{metadata['namespace']} parent {parent['parentRef'].get('name')} "
                    f"is not ready (status: {condition['status']}, observed generation: "
                    f"{condition.get('observedGeneration', 0)}, current generation: {generation})"
                )
    return ""


def is_accepted(condition: Json, generation: int) -> bool:
    """Whether an Accepted condition speaks for this generation.

    Linkerd leaves observedGeneration out (linkerd/linkerd2#14964): absent is not "old".
    """
    seen = int(condition.get("observedGeneration", generation))
    return bool(condition["status"] == "True" and seen >= generation)
