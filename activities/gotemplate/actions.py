"""What stands between two pairs of braces: tokens, and how they are read as expressions."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from activities.gotemplate.functions import FUNCTIONS, TemplateError, shown
from activities.gotemplate.nodes import Expression, Node, call, constant, field_of

ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", re.DOTALL)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
CONSTANTS = {"true": True, "false": False, "nil": None}
REFUSED = frozenset({"define", "template", "block", "break", "continue", "call", "slice", "html", "js"})
DEEPEST = 50


@dataclass(frozen=True)
class Token:
    """A word of an action."""

    kind: str
    text: str
    spaced: bool
    """White space stands before it."""


class Action:
    """The tokens between two pairs of braces."""

    def __init__(self, tokens: list[Token], names: Sequence[str], declared: list[str], *, has_dot: bool) -> None:
        self._tokens, self._names, self._declared, self._has_dot = tokens, names, declared, has_dot
        self._depth = 0

    def keyword(self) -> str:
        """Take the keyword at the beginning, if there is one."""
        word = self._tokens[0].text if self._tokens and self._tokens[0].kind == "word" else ""
        if word in REFUSED:
            raise TemplateError(f"{word} is not supported in queries")
        if word not in ("if", "with", "range", "else", "end"):
            return ""
        self._tokens.pop(0)
        return word

    def finish(self) -> None:
        """Nothing may be left over."""
        if self._tokens:
            raise TemplateError(f"unexpected {self._tokens[0].text}")

    def output(self) -> Node:
        """`{{ pipeline }}`, `{{ $x := pipeline }}` or `{{ $x = pipeline }}`."""
        name, sign = self._assignment()
        value = self.pipeline()
        self.finish()
        if not name:
            return lambda run: run.write(shown(value(run)))
        if sign == ":=":
            self._declared.append(name)
        elif name not in self._declared:
            raise TemplateError(f"undefined variable {name}")
        return lambda run: run.variables.__setitem__(name, value(run))

    def head(self, word: str) -> tuple[list[str], Expression]:
        """What follows `if`, `with` and `range`: names that are declared, and the pipeline."""
        names: list[str] = []
        texts = [token.text for token in self._tokens[:4]]
        if word == "range" and len(texts) == 4 and texts[1] == "," and texts[3] == ":=":
            names = [texts[0], texts[2]]
            del self._tokens[:4]
        else:
            name, _ = self._assignment()
            names = [name] if name else []
        value = self.pipeline()
        self._declared.extend(names)
        return names, value

    def _assignment(self) -> tuple[str, str]:
        if len(self._tokens) > 1 and self._tokens[0].kind == "variable" and self._tokens[1].text in (":=", "="):
            name, sign = self._tokens.pop(0), self._tokens.pop(0)
            return name.text, sign.text
        return "", ""

    def pipeline(self) -> Expression:
        """Commands joined by `|`: each gets the former's value as its last argument."""
        value = self._command(None)
        while self._tokens and self._tokens[0].text == "|" and self._tokens[0].kind == "sign":
            self._tokens.pop(0)
            value = self._command(value)
        return value

    def _command(self, piped: Expression | None) -> Expression:
        if not self._tokens or (self._tokens[0].kind == "sign" and self._tokens[0].text != "("):
            raise TemplateError("missing value: an action must name something between {{ and }}")
        head = self._tokens[0]
        if head.kind == "word" and head.text in FUNCTIONS:
            self._tokens.pop(0)
            arguments = self._arguments()
            return call(head.text, [*arguments, piped] if piped else arguments)
        first, arguments = self._operand(), self._arguments()
        if arguments or piped:
            raise TemplateError(f"{head.text} is not a function that takes arguments")
        return first

    def _arguments(self) -> list[Expression]:
        arguments = []
        while self._tokens and not (self._tokens[0].kind == "sign" and self._tokens[0].text != "("):
            arguments.append(self._operand())
        return arguments

    def _operand(self) -> Expression:
        """A term and the fields after it: `variables.team`."""
        value = self._term()
        while self._tokens and self._tokens[0].kind == "field" and not self._tokens[0].spaced:
            value = field_of(value, self._tokens.pop(0).text[1:])
        return value

    def _term(self) -> Expression:
        token = self._tokens.pop(0)
        match token.kind:
            case "text":
                return constant(unquoted(token.text))
            case "number":
                return constant(int(token.text) if re.fullmatch(r"[+-]?\d+", token.text) else float(token.text))
            case "dot":
                return lambda run: run.dot
            case "field":
                if not self._has_dot:
                    raise TemplateError(f"{token.text}: the dot has no fields here; write {token.text[1:]}")
                return field_of(lambda run: run.dot, token.text[1:])
            case "variable":
                return self._variable(token.text)
            case "word":
                return self._word(token.text)
            case _:
                return self._parenthesis(token)

    def _variable(self, name: str) -> Expression:
        if name not in self._declared:
            raise TemplateError(f"undefined variable {name}")
        return lambda run: run.variables[name]

    def _word(self, word: str) -> Expression:
        if word in CONSTANTS:
            return constant(CONSTANTS[word])
        if word in FUNCTIONS:
            return call(word, [])
        if word in REFUSED:
            raise TemplateError(f"{word} is not supported in queries")
        if word not in self._names:
            raise TemplateError(f"{{{{ {word} }}}} is not one of {', '.join(sorted(self._names))}")
        return lambda run: run.names[word]

    def _parenthesis(self, token: Token) -> Expression:
        if token.text != "(":
            raise TemplateError(f"unexpected {token.text}")
        self._depth += 1
        if self._depth > DEEPEST:
            raise TemplateError(f"parentheses are nested deeper than {DEEPEST}")
        value = self.pipeline()
        if not self._tokens or self._tokens.pop(0).text != ")":
            raise TemplateError("unclosed (: write ) after the pipeline")
        self._depth -= 1
        return value


def unquoted(text: str) -> str:
    """What a quoted or raw string of Go stands for."""
    if text.startswith("`"):
        return text[1:-1]
    return ESCAPE.sub(_escaped, text[1:-1])


def _escaped(match: re.Match[str]) -> str:
    code = match[1]
    if code[0] in "xuU" and len(code) > 1:
        number = int(code[1:], 16)
    elif len(code) == 3:
        number = int(code, 8)
    elif code in ('"', "\\"):
        return code
    elif code in ESCAPES:
        return ESCAPES[code]
    else:
        raise TemplateError(f"unknown escape \\{code} in a quoted string; write it between backquotes")
    if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
        raise TemplateError(f"\\{code} is not a character")
    return chr(number)
