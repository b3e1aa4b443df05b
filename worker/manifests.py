"""Manifests in files: the objects, and on which line each of their fields stands."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.reader import ReaderError

STDIN = "-"
STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
TIMESTAMP = "tag:yaml.org,2002:timestamp"


class Unreadable(Exception):
    """A file cannot be read; the text names it and the reason."""


class NotYaml(Exception):
    """A file is no YAML; `line` is the first that makes no sense."""

    def __init__(self, text: str, line: int) -> None:
        super().__init__(text)
        self.line = line


@dataclass(frozen=True)
class Document:
    """One object of a file."""

    file: str
    obj: dict[str, Any]
    node: yaml.Node

    @property
    def identity(self) -> str:
        """`Canary podinfo.test`, as far as it says so."""
        metadata = self.obj.get("metadata")
        name, namespace = (metadata.get("name"), metadata.get("namespace")) if isinstance(metadata, dict) else ("", "")
        return f"{self.obj.get('kind')} {name or 'without name'}" + (f".{namespace}" if namespace else "")

    def line(self, field: str) -> int:
        """Of a field such as `spec.analysis.metrics[0].name`, or of the innermost thing around it that is there."""
        line, node = self.node.start_mark.line, self.node
        for name, index in STEP.findall(field):
            found = _step(node, name, index)
            if found is None:
                break
            line, node = found
        return line + 1

    def repeated_fields(self) -> Iterator[str]:
        """A line for each field that stands there twice: only the last one counts, and strict clients refuse both."""
        return _repeated(self.node, "")


def read(file: str) -> list[Document]:
    """The objects of a file, those of a List one by one; `-` is standard input.

    Raises:
        Unreadable: there is no such file, or it holds no text.
        NotYaml: it is no YAML.
    """
    try:
        if file == STDIN:
            return list(_documents("stdin", sys.stdin.read()))
        with open(file, encoding="utf-8") as stream:  # noqa: PTH123 - it may be a pipe
            return list(_documents(file, stream.read()))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no UTF-8 text"
        raise Unreadable(f"cannot read {file}: {reason}") from error


class _Loader(yaml.SafeLoader):
    """As kubectl reads YAML: what looks like a date is text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - so PyYAML declares it
        first: [(tag, pattern) for tag, pattern in resolvers if tag != TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _documents(file: str, text: str) -> Iterator[Document]:
    try:
        loader = _Loader(text)
        while loader.check_node() and (node := loader.get_node()):
            yield from _objects(file, loader.construct_document(node), node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise NotYaml(f"no YAML: {error.problem}", mark.line + 1 if mark else 1) from error
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise NotYaml(f"no YAML: unprintable character {error.character:#x}", line) from error


def _objects(file: str, obj: Any, node: yaml.Node) -> Iterator[Document]:
    """What is no mapping is no object of ours."""
    if not isinstance(obj, dict):
        return
    items = _step(node, "items", "") if obj.get("kind") == "List" else None
    if items is None:
        yield Document(file, obj, node)
        return
    for item, below in zip(obj["items"] or [], items[1].value, strict=False):
        yield from _objects(file, item, below)


def _step(node: yaml.Node, name: str, index: str) -> tuple[int, yaml.Node] | None:
    """The line and the node of a key, or of an element."""
    if isinstance(node, yaml.MappingNode) and name:
        for key, value in node.value:
            if key.value == name:
                return key.start_mark.line, value
    if isinstance(node, yaml.SequenceNode) and index and int(index) < len(node.value):
        return node.value[int(index)].start_mark.line, node.value[int(index)]
    return None


def _repeated(node: yaml.Node, path: str) -> Iterator[str]:
    if isinstance(node, yaml.MappingNode):
        names = [key.value for key, _ in node.value]
        for index, (key, below) in enumerate(node.value):
            field = f"{path}.{key.value}".removeprefix(".")
            if key.value in names[:index]:
                yield f"{field}: stands here twice, and only the last one counts; remove one"
            yield from _repeated(below, field)
    elif isinstance(node, yaml.SequenceNode):
        for index, below in enumerate(node.value):
            yield from _repeated(below, f"{path}[{index}]")
