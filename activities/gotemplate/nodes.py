"""What a template comes to when it is run: nodes write text, expressions have values."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from activities.gotemplate.functions import FUNCTIONS, TemplateError, shown, truth

LONGEST = 1_000_000
Names = Mapping[str, Any]
Node = Callable[["Run"], None]
Expression = Callable[["Run"], Any]


@dataclass
class Run:
    """One execution: what the names stand for, the dot, the variables, and what was written so far."""

    names: Names
    dot: Any = None
    variables: dict[str, Any] = field(default_factory=lambda: {"$": None})
    written: list[str] = field(default_factory=list)
    size: int = 0

    def write(self, text: str) -> None:
        """Append; nested ranges cannot grow without bound."""
        self.size += len(text)
        if self.size > LONGEST:
            raise TemplateError(f"the result exceeds {LONGEST} characters")
        self.written.append(text)

    def inside(self, body: Sequence[Node], dot: Any, **variables: Any) -> None:
        """Run a block with a dot and variables of its own; assignments to outer ones are seen outside."""
        inner = Run(self.names, dot, self.variables | variables, self.written, self.size)
        for node in body:
            node(inner)
        self.size = inner.size
        self.variables |= {name: inner.variables[name] for name in self.variables if name not in variables}


def literal(text: str) -> Node:
    """Text outside of actions."""
    return lambda run: run.write(text)


def constant(value: Any) -> Expression:
    """Always this."""
    return lambda _: value


def field_of(value: Expression, key: str) -> Expression:
    """The value of a map under a key; TemplateError when it is no map, or has no such key."""

    def read(run: Run) -> Any:
        holder = value(run)
        if not isinstance(holder, Mapping):
            raise TemplateError(f".{key}: only variables has keys; write variables.{key}")
        if key not in holder:
            raise TemplateError(f"variables has no key {key}; add it to templateVariables of the metric")
        return holder[key]

    return read


def call(name: str, arguments: Sequence[Expression]) -> Expression:
    """Call a built-in function; raises TemplateError for a number of arguments that it does not take."""
    function = FUNCTIONS[name]
    if not function.fits(len(arguments)):
        raise TemplateError(f"{name} takes {function.takes}, not {len(arguments)}")
    if name in ("and", "or"):
        return lambda run: _short_circuit(run, arguments, until=name == "or")
    return lambda run: function.call([argument(run) for argument in arguments])


def _short_circuit(run: Run, arguments: Sequence[Expression], *, until: bool) -> Any:
    value = None
    for argument in arguments:
        value = argument(run)
        if truth(value) is until:
            break
    return value


def if_block(names: list[str], value: Expression, body: list[Node], other: list[Node]) -> Node:
    """`{{ if }}`: one of two bodies."""

    def run_if(run: Run) -> None:
        found = value(run)
        run.inside(body if truth(found) else other, run.dot, **dict.fromkeys(names, found))

    return run_if


def with_block(names: list[str], value: Expression, body: list[Node], other: list[Node]) -> Node:
    """`{{ with }}`: the body with another dot, or the other one."""

    def run_with(run: Run) -> None:
        found = value(run)
        met = truth(found)
        run.inside(body if met else other, found if met else run.dot, **dict.fromkeys(names, found))

    return run_with


def range_block(names: list[str], value: Expression, body: list[Node], other: list[Node]) -> Node:
    """`{{ range }}`: the body for each value of a map, in the order of its keys, or for each number below one."""

    def run_range(run: Run) -> None:
        found = value(run)
        if isinstance(found, Mapping):
            pairs: list[tuple[Any, Any]] = sorted(found.items())
        elif isinstance(found, int) and not isinstance(found, bool):
            if found > LONGEST:
                raise TemplateError(f"range over {found} is too long")
            pairs = [(number, number) for number in range(found)]
        elif found is None:
            pairs = []
        else:
            raise TemplateError(f"range cannot go over {shown(found)!r}; it goes over variables or a number")
        for key, item in pairs:
            run.inside(body, item, **dict(zip(names, [item] if len(names) == 1 else [key, item], strict=False)))
        if not pairs:
            run.inside(other, run.dot)

    return run_range
