"""The reference part of docs/cli.md, made from the commands' own help; `python -m worker.reference docs/cli.md`."""

import re
from pathlib import Path
from typing import Annotated

import typer
from typer.cli import get_docs_for_click

from worker import cli

MARK = "<!-- Made from the commands' help by `make docs`; change the help instead. -->\n"
HEADING = re.compile(r"^(#+) `(.+)`$", re.MULTILINE)


def reference() -> str:
    """Every command with its examples, exit codes, arguments and options."""
    command = typer.main.get_command(cli.app)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command, info_name="serinus"), name="serinus", indent=1)
    text = HEADING.sub(r"\1 \2", text).replace("```console", "```text")  # a synopsis is no command to copy
    return text.strip() + "\n"


def renewed(page: str) -> str:
    """The page with its reference as it is now; what is written by hand stands above the mark."""
    return page.partition(MARK)[0] + MARK + "\n" + reference()


def write(file: Annotated[Path, typer.Argument(help="the page, with the mark in it")]) -> None:
    """Renew the reference in a page."""
    cli.mount()
    file.write_text(renewed(file.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    typer.run(write)
