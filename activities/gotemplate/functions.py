"""The functions that Go's text/template builds in, over text, numbers, truth values and maps of text. Pure."""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

MANY = 1000
WIDEST = 1000
VERB = re.compile(r"%(?P<flags>[-+# 0]*)(?P<width>\d*)(?:\.(?P<precision>\d*))?(?P<verb>.)", re.DOTALL)


class TemplateError(Exception):
    """A template makes no sense, or wants what is not supported; the text says which construct."""


@dataclass(frozen=True)
class Function:
    """What is called, and with how many arguments."""

    call: Callable[[Sequence[Any]], Any]
    least: int
    most: int

    def fits(self, count: int) -> bool:
        """Whether it can be called with that many."""
        return self.least <= count <= self.most

    @property
    def takes(self) -> str:
        """How many, in words."""
        if self.least == self.most:
            return f"{self.least} argument{'s' if self.least != 1 else ''}"
        return f"at least {self.least}" if self.most == MANY else f"{self.least} to {self.most} arguments"


def truth(value: Any) -> bool:
    """False are: false, 0, nil, and empty text or maps."""
    return bool(value)


def shown(value: Any) -> str:
    """As Go prints it."""
    match value:
        case None:
            return "<no value>"
        case bool():
            return "true" if value else "false"
        case float():
            return _general(value)
        case Mapping():
            return f"map[{' '.join(f'{key}:{shown(item)}' for key, item in sorted(value.items()))}]"
        case _:
            return str(value)


def _general(value: float) -> str:
    """The shortest form that reads back the same; an exponent from 1e21 on, and below 1e-4, as Go has it."""
    text = repr(value).removesuffix(".0")
    if "e" in text and 1e-4 <= abs(value) < 1e21:
        return f"{value:.0f}"
    return text if "e" in text or abs(value) < 1e21 else f"{value:e}"


def _compare(name: str, compared: Callable[[Any, Any], bool]) -> Callable[[Sequence[Any]], bool]:
    def compare(arguments: Sequence[Any]) -> bool:
        first = arguments[0]
        for other in arguments[1:]:
            if _sort(first) != _sort(other) or isinstance(first, Mapping):
                raise TemplateError(f"{name} cannot compare {shown(first)!r} with {shown(other)!r}")
        if name not in ("eq", "ne") and _sort(first) not in ("int", "float", "str"):
            raise TemplateError(f"{name} cannot order {shown(first)!r}")
        return any(compared(first, other) for other in arguments[1:])

    return compare


def _sort(value: Any) -> str:
    return type(value).__name__


def _index(arguments: Sequence[Any]) -> Any:
    value, *keys = arguments
    for key in keys:
        if isinstance(value, Mapping) and isinstance(key, str):
            value = value.get(key, "")
        elif isinstance(value, str) and isinstance(key, int) and 0 <= key < len(value.encode()):
            value = value.encode()[key]
        else:
            raise TemplateError(f"index: {shown(value)!r} has no element {shown(key)!r}")
    return value


def _len(arguments: Sequence[Any]) -> int:
    value = arguments[0]
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, Mapping):
        return len(value)
    raise TemplateError(f"len of {shown(value)!r}; it takes text or a map")


def _print(arguments: Sequence[Any]) -> str:
    """Spaces stand between two operands when neither is text."""
    text = ""
    for number, value in enumerate(arguments):
        if number and not isinstance(value, str) and not isinstance(arguments[number - 1], str):
            text += " "
        text += _operand(value)
    return text


def _println(arguments: Sequence[Any]) -> str:
    return " ".join(_operand(value) for value in arguments) + "\n"


def _operand(value: Any) -> str:
    return "<nil>" if value is None else shown(value)


def _printf(arguments: Sequence[Any]) -> str:
    form, *values = arguments
    if not isinstance(form, str):
        raise TemplateError('printf: the first argument is a format such as "%s"')
    left = list(values)

    def put(match: re.Match[str]) -> str:
        if match["verb"] == "%":
            return "%"
        if not left:
            raise TemplateError(f"printf: no argument for {match[0]}")
        return _formatted(match, left.pop(0))

    text = VERB.sub(put, form)
    if left:
        raise TemplateError(f"printf: {len(left)} more arguments than verbs")
    return text


def _formatted(match: re.Match[str], value: Any) -> str:
    verb, precision = match["verb"], match["precision"]
    if max(int(match["width"] or 0), int(precision or 0)) > WIDEST:
        raise TemplateError(f"printf: {match[0]} is wider than {WIDEST}")
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if verb == "v":
        text = _operand(value)
    elif verb in "sq" and isinstance(value, str):
        text = value if precision is None else value[: int(precision or 0)]
        text = _quoted(text) if verb == "q" else text
    elif verb == "t" and isinstance(value, bool):
        text = shown(value)
    elif verb in "dxXob" and number and isinstance(value, int):
        text = format(value, verb)
    elif verb in "feEgG" and number and isinstance(value, float):
        text = format(value, f".{precision or 0}{verb}" if precision is not None else _default(verb))
        text = _general(value) if verb in "gG" and precision is None else text
    else:
        raise TemplateError(f"printf: {match[0]} does not fit {shown(value)!r}")
    return _padded(f"+{text}" if "+" in match["flags"] and number and not text.startswith("-") else text, match)


def _default(verb: str) -> str:
    return verb if verb in "gG" else f".6{verb}"


def _padded(text: str, match: re.Match[str]) -> str:
    width = int(match["width"] or 0)
    if "-" in match["flags"]:
        return text.ljust(width)
    return text.zfill(width) if "0" in match["flags"] else text.rjust(width)


def _quoted(text: str) -> str:
    inner = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{inner}"'


FUNCTIONS = {
    "and": Function(lambda values: values[-1], 1, MANY),  # the reader sees to it that the rest is not evaluated
    "or": Function(lambda values: values[-1], 1, MANY),
    "not": Function(lambda values: not truth(values[0]), 1, 1),
    "eq": Function(_compare("eq", operator.eq), 2, MANY),
    "ne": Function(_compare("ne", operator.ne), 2, 2),
    "lt": Function(_compare("lt", operator.lt), 2, 2),
    "le": Function(_compare("le", operator.le), 2, 2),
    "gt": Function(_compare("gt", operator.gt), 2, 2),
    "ge": Function(_compare("ge", operator.ge), 2, 2),
    "index": Function(_index, 1, MANY),
    "len": Function(_len, 1, 1),
    "print": Function(_print, 0, MANY),
    "println": Function(_println, 0, MANY),
    "printf": Function(_printf, 1, MANY),
    "urlquery": Function(lambda values: quote_plus(_print(values)), 0, MANY),
}
