"""The pod template that the primary runs: the target's, with its own label and its own copies of the configs. Pure."""

from k8s.affinity import lead_to_primary
from k8s.client import Json
from k8s.configs import rewrite_configs
from k8s.likeness import restarted, substance
from k8s.revision import config_checksum, template_hash
from k8s.targets.base import FLUX, REVISION_ANNOTATION, Selector


def primary_template(template: Json, selector: Selector, configs: dict[str, str], target_name: str = "") -> Json:
    """The template for the primary.

    Args:
        template: of the target, as read from the API server.
        selector: which label is overridden.
        configs: id to checksum of every tracked config; their references are rewritten to the copies.
        target_name: by which anti-affinity may name the target's pods, beside the selector's value.
    """
    primary = rewrite_configs(template, set(configs))
    lead_to_primary(primary, selector, target_name or selector.value)
    metadata = primary.setdefault("metadata", {})
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if FLUX not in key}
    metadata["labels"] = {**labels, **selector.primary}
    annotations = {key: value for key, value in (metadata.get("annotations") or {}).items() if _is_copied(key)}
    metadata["annotations"] = {**annotations, REVISION_ANNOTATION: revision_mark(template, configs)}
    return primary


def revision_mark(template: Json, configs: dict[str, str]) -> str:
    """One string for template and configs: pods roll when either changes, and only then."""
    return mark_from(template_hash(template), configs)


def mark_from(template: str, configs: dict[str, str]) -> str:
    """The same, of a template's hash."""
    return f"{template}.{config_checksum({'data': configs})}" if configs else template


def hash_in(mark: str | None) -> str:
    """The template's hash in a mark; empty when there is none."""
    return (mark or "").partition(".")[0]


def runs_same(primary: Json, expected: Json) -> bool:
    """Whether two primary templates run the same; one that another controller wrote carries no mark to compare.

    A restart of the target that the primary has not followed is something new to run; one of the primary alone is not.
    """
    is_marked_same = mark_of(primary) in (None, mark_of(expected))
    return is_marked_same and restarted(primary) >= restarted(expected) and substance(primary) == substance(expected)


def is_ours(primary: Json) -> bool:
    """Whether the template carries our mark, so that `runs_same` speaks for its configs too."""
    return mark_of(primary) is not None


def mark_of(template: Json) -> str | None:
    """The mark that a primary's template carries; None when another controller wrote it."""
    annotations = (template.get("metadata") or {}).get("annotations") or {}
    mark = annotations.get(REVISION_ANNOTATION)
    return None if mark is None else str(mark)


def _is_copied(annotation: str) -> bool:
    return annotation != "flagger-id" and FLUX not in annotation
