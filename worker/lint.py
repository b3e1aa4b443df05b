"""Checks of manifests before they are applied: what the API server would refuse, and what the worker would."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rich.console import Console
from rich.markup import escape

from activities.bench import Defaults, Subject, subject_of
from activities.gotemplate import TemplateError
from activities.observe import PROBLEMS, planned
from activities.queries import DURATION, SUCCESS_RATE
from activities.templates import render, template_problem, variables_of
from k8s.client import Json
from k8s.crd import GROUP
from k8s.models.alert_provider import AlertProvider
from k8s.models.canary import Canary
from k8s.models.common import API_VERSION, ApiModel, quoted
from k8s.models.errors import InvalidObject
from k8s.models.loading import load_alert_provider, load_canary, load_metric_template
from k8s.models.metric_template import MetricTemplate
from k8s.models.rules import broken_rules, unknown_fields
from k8s.models.schema import structural
from k8s.resources import group_of
from worker.command import DONE, REFUSED, Format, Printed, print_json
from worker.manifests import Document, NotYaml, read
from worker.process import defaults_of
from worker.settings import load_settings

KINDS: dict[str, tuple[type[ApiModel], Callable[..., ApiModel]]] = {
    "Canary": (Canary, load_canary),
    "MetricTemplate": (MetricTemplate, load_metric_template),
    "AlertProvider": (AlertProvider, load_alert_provider),
}
FIELD = re.compile(r"([A-Za-z]\w*(?:[.\[][^\s:]*)?): (.*)", re.DOTALL)
STORED = {"metadata": {"type": "object"}, "status": {"type": "object"}}
"""What of an object its model reads in part, since the API server itself sees to it."""

Templates = Mapping[tuple[str, str], MetricTemplate]


class Mistake(Printed):
    """One thing to change."""

    file: str
    line: int
    object: str = ""
    """`Canary podinfo.test`; empty when the file is no YAML."""
    field: str = ""
    """`spec.analysis.interval`; empty when the whole object is meant."""
    message: str
    """What stands there, and what to write."""

    def __str__(self) -> str:
        parts = (f"{self.file}:{self.line}", self.object, self.field, self.message)
        return ": ".join(part for part in parts if part)


def read_all(files: Sequence[str]) -> tuple[list[Document], list[Mistake]]:
    """The objects in all files, and a mistake for each file that is no YAML; raises Unreadable."""
    documents, mistakes = [], []
    for file in files:
        try:
            documents += read(file)
        except NotYaml as error:
            mistakes.append(Mistake(file=file, line=error.line, message=str(error)))
    return documents, mistakes


def ours(documents: Sequence[Document]) -> list[Document]:
    """Those of our group."""
    return [each for each in documents if group_of(str(each.obj.get("apiVersion"))) == GROUP]


def mistakes_in(documents: Sequence[Document], defaults: Defaults) -> list[Mistake]:
    """Everything to change, in the order of the lines.

    Args:
        documents: the objects of files; those that are not ours are skipped.
        defaults: the worker's settings.
    """
    loaded = [_loaded(document) for document in ours(documents)]
    templates = {
        (each.model.metadata.namespace, each.model.metadata.name): each.model
        for each in loaded
        if isinstance(each.model, MetricTemplate)
    }
    found = []
    for each in loaded:
        told = [*each.document.repeated_fields(), *(each.problems or _refusals(each, defaults, templates))]
        found += sorted((_mistake(each.document, problem) for problem in told), key=lambda mistake: mistake.line)
    return found


def _mistake(document: Document, problem: str) -> Mistake:
    match = FIELD.fullmatch(problem)
    field, message = match.groups() if match else ("", problem)
    line = document.line(field)
    return Mistake(file=document.file, line=line, object=document.identity, field=field, message=message)


# -- what the API server says -----------------------------------------------------------------------------------------


class Loaded(NamedTuple):
    """An object as the API server would store it, and why it would not."""

    document: Document
    obj: Json
    model: ApiModel | None = None
    problems: Sequence[str] = ()


def _loaded(document: Document) -> Loaded:
    obj = without_nulls(document.obj)
    obj.pop("status", None)  # of an object that was exported
    kind, version = str(obj.get("kind")), obj["apiVersion"]
    if kind not in KINDS:
        return Loaded(document, obj, problems=[f"kind: {quoted(kind)} is unknown; write one of {', '.join(KINDS)}"])
    if version != API_VERSION:
        return Loaded(document, obj, problems=[f"apiVersion: {quoted(version)} is not served; write {API_VERSION}"])
    model, load = KINDS[kind]
    schema = _schema(model)
    unknown = list(unknown_fields(schema, obj))
    try:
        return Loaded(document, obj, load(obj, strict=True), [*unknown, *broken_rules(schema, obj)])
    except InvalidObject as invalid:
        return Loaded(document, obj, problems=[*invalid.problems, *unknown])


def _schema(model: type[ApiModel]) -> Json:
    schema = structural(model)
    return {**schema, "properties": {**schema["properties"], **STORED}}


def without_nulls(value: Any) -> Any:
    """As the API server reads it: a field that is null is absent."""
    if isinstance(value, dict):
        return {key: without_nulls(below) for key, below in value.items() if below is not None}
    return [without_nulls(each) for each in value] if isinstance(value, list) else value


# -- what the worker says ---------------------------------------------------------------------------------------------


def _refusals(loaded: Loaded, defaults: Defaults, templates: Templates) -> Iterator[str]:
    match loaded.model:
        case Canary():
            try:
                subject = subject_of(loaded.obj, defaults)
                planned(subject, defaults)
            except PROBLEMS as problem:
                yield str(problem)
            else:
                yield from _queries(subject, templates)
        case MetricTemplate():
            if fault := template_problem(loaded.model.spec.query):
                yield f"spec.query: {fault}"
        case _:
            pass


def _queries(subject: Subject, templates: Templates) -> Iterator[str]:
    """Inline queries, and those of templates in the same files, with this Canary's values put in."""
    target = {"metadata": {"name": subject.target_name}}  # the rest of it no file has to hold
    for index, metric in enumerate(subject.canary.spec.analysis.metrics):
        field = f"spec.analysis.metrics[{index}]"
        try:
            if ref := metric.template_ref:
                namespace = ref.namespace or subject.namespace
                field = f"{field}.templateRef: the query of MetricTemplate {ref.name}.{namespace}"
                if template := templates.get((namespace, ref.name)):
                    render(template.spec.query, variables_of(subject, target, metric))
            elif metric.name not in {SUCCESS_RATE, DURATION}:
                field = f"{field}.query"
                render(metric.query or "", variables_of(subject, target, metric))
        except TemplateError as error:
            yield f"{field}: {error}"


# -- the command ------------------------------------------------------------------------------------------------------


async def show_lint(files: Sequence[str], output: Format) -> int:
    """Print what is to be changed; exit code 1 when there is anything."""
    documents, mistakes = read_all(files)
    mistakes += mistakes_in(documents, defaults_of(load_settings()))
    if output is Format.JSON:
        print_json(mistakes)
    else:
        for mistake in mistakes:
            Console(highlight=False).print(escape(str(mistake)), soft_wrap=True)
        counts = f"{_counted(ours(documents), 'object')} checked, {_counted(mistakes, 'problem')}"
        Console(stderr=True, highlight=False).print(counts)
    return REFUSED if mistakes else DONE


def _counted(things: Sequence[object], name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"
