"""Reads a template: text and actions in turn, and blocks inside one another."""

import re
from collections.abc import Iterator, Sequence

from activities.gotemplate.actions import DEEPEST, Action, Token
from activities.gotemplate.functions import TemplateError
from activities.gotemplate.nodes import Names, Node, Run, if_block, literal, range_block, with_block

ACTION = re.compile(r"\{\{(-(?=\s))?")
COMMENT = re.compile(r"\s*/\*.*?\*/\s*?((?<=\s)-)?\}\}", re.DOTALL)
TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<close>-?\}\})
    |(?P<text>"(?:\\.|[^"\\\n])*"|`[^`]*`)
    |(?P<number>[+-]?\d{1,18}(?:\.\d+)?(?:[eE][+-]?\d{1,3})?(?![\w.]))
    |(?P<variable>\$\w*)
    |(?P<field>\.\w+)
    |(?P<dot>\.)
    |(?P<word>[A-Za-z_]\w*)
    |(?P<sign>:=|[|(),=])
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)


class Template:
    """A query, read."""

    def __init__(self, text: str, names: Sequence[str]) -> None:
        """Read it.

        Args:
            text: the template.
            names: the functions without arguments that it may call besides the built-in ones.

        Raises:
            TemplateError: the text names what is wrong, and what there is.
        """
        self._nodes = _Reader(text, names).whole()

    def render(self, names: Names) -> str:
        """The text with values put in; raises TemplateError."""
        run = Run(names)
        for node in self._nodes:
            node(run)
        return "".join(run.written)


class _Reader:
    """Reads text and actions in turn, each block down to its `end`."""

    def __init__(self, text: str, names: Sequence[str]) -> None:
        self._text, self._names = text, names
        self._at = 0
        self._trim = False
        self._depth = 0
        self._dots = 0
        self._declared: list[str] = ["$"]

    def whole(self) -> list[Node]:
        """The nodes of the whole text."""
        nodes, end = self._block()
        if end:
            raise TemplateError(f"unexpected {{{{ {end} }}}}")
        return nodes

    # -- blocks ---------------------------------------------------------------------------------------------------

    def _block(self) -> tuple[list[Node], str]:
        """Nodes up to `end` or `else`, and which of them it was; an `else if` leaves its tokens to be read."""
        nodes: list[Node] = []
        while True:
            opening = ACTION.search(self._text, self._at)
            text = self._text[self._at : opening.start() if opening else None]
            text = text.lstrip() if self._trim else text
            self._trim = False
            if opening is None:
                return [*nodes, literal(text)], ""
            nodes.append(literal(text.rstrip() if opening[1] else text))
            self._at = opening.end()
            if comment := COMMENT.match(self._text, self._at):
                self._at, self._trim = comment.end(), bool(comment[1])
                continue
            action = Action(list(self._tokens()), self._names, self._declared, has_dot=self._dots > 0)
            word = action.keyword()
            if word in ("end", "else"):
                self._rest = action
                return nodes, word
            nodes.append(self._control(word, action) if word else action.output())

    def _tokens(self) -> Iterator[Token]:
        spaced = False
        while match := TOKEN.match(self._text, self._at):
            self._at = match.end()
            kind = str(match.lastgroup)
            if kind == "close":
                self._trim = match[0].startswith("-")
                if self._trim and not spaced:
                    raise TemplateError("write a space before -}}")
                return
            if kind == "other":
                raise TemplateError(f"unexpected {match[0]!r} in an action")
            if kind != "space":
                yield Token(kind, match[0], spaced)
            spaced = kind == "space"
        raise TemplateError("unclosed action: write }} after it")

    def _control(self, word: str, action: "Action") -> Node:
        known = len(self._declared)
        self._depth += 1
        if self._depth > DEEPEST:
            raise TemplateError(f"blocks are nested deeper than {DEEPEST}")
        names, value = action.head(word)
        action.finish()
        self._dots += word != "if"
        body, end = self._block()
        self._dots -= word != "if"
        other: list[Node] = []
        if end == "else":
            other = self._otherwise(word)
        elif end == "end":
            self._rest.finish()
        else:
            raise TemplateError(f"{{{{ {word} }}}} without {{{{ end }}}}")
        del self._declared[known:]
        self._depth -= 1
        return {"if": if_block, "with": with_block, "range": range_block}[word](names, value, body, other)

    def _otherwise(self, word: str) -> list[Node]:
        """After `else`: up to `end`, or another `if` (or `with`) that shares it."""
        again = self._rest.keyword()
        if again:
            if again != word or again == "range":
                raise TemplateError(f"unexpected {again} after else")
            return [self._control(again, self._rest)]
        self._rest.finish()
        other, end = self._block()
        if end != "end":
            raise TemplateError(f"{{{{ else }}}} of {word} without {{{{ end }}}}")
        self._rest.finish()
        return other
