"""What every command shares: options, exit codes, errors in one readable line, JSON for scripts."""

import asyncio
from collections.abc import Coroutine, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer
from pydantic import BaseModel, ConfigDict, SerializeAsAny, TypeAdapter
from pydantic.alias_generators import to_camel
from rich.console import Console
from rich.markup import escape
from temporalio.service import RPCError

from k8s.errors import ClusterError, Unavailable
from worker.completion import names, namespaces
from worker.manifests import Unreadable
from worker.serving import CannotListen
from worker.settings import WrongSetting
from worker.temporal import TemporalUnfit
from worker.unreached import variables_of

DONE, REFUSED, WRONG_USAGE, UNREACHABLE, INTERRUPTED = 0, 1, 2, 3, 130

errors = Console(stderr=True)


class Printed(BaseModel):
    """What a command prints; camelCase in JSON."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Format(StrEnum):
    """How to print."""

    TABLE = "table"
    JSON = "json"


PRINTED: TypeAdapter[Any] = TypeAdapter(SerializeAsAny[Printed] | Sequence[SerializeAsAny[Printed]])
Name = Annotated[str, typer.Argument(help="Name of the Canary.", autocompletion=names)]
Namespace = Annotated[
    str, typer.Option("--namespace", "-n", help="Namespace of the Canary.", autocompletion=namespaces)
]
By = Annotated[str, typer.Option(help="Who; shown in the events.", envvar="USER")]
Reason = Annotated[str, typer.Option(help="Why; shown in the events.")]
OnlyRevision = Annotated[
    str, typer.Option("--revision", help="Only if this revision (a hash, or its beginning) is under way.")
]
Files = Annotated[list[str], typer.Argument(metavar="FILE...", help="YAML or JSON; - is standard input.")]
Output = Annotated[Format, typer.Option("--output", "-o", help="table for people, json for scripts.")]


def run(work: Coroutine[Any, Any, int]) -> None:
    """Run a command to its exit code, with errors in one readable line."""
    try:
        code = asyncio.run(work)
    except (WrongSetting, Unreadable) as error:
        code = complain(str(error), WRONG_USAGE)
    except TemporalUnfit as error:
        code = complain(str(error), UNREACHABLE)
    except Unavailable as error:
        text = str(error)
        code = complain(text if "KUBECONFIG" in text else f"no cluster answers: {text}; see KUBECONFIG", UNREACHABLE)
    except RPCError as error:
        code = complain(f"Temporal says: {error.message}; see {variables_of(error)}", UNREACHABLE)
    except (ClusterError, CannotListen) as error:
        code = complain(str(error), REFUSED)
    except KeyboardInterrupt:
        code = INTERRUPTED
    raise typer.Exit(code)


def complain(text: str, code: int) -> int:
    """Say what went wrong, in one line of standard error; the exit code, for the caller's return."""
    errors.print(f"[red]error:[/red] {escape(text)}", highlight=False, soft_wrap=True)
    return code


def print_json(found: Printed | Sequence[Printed]) -> None:
    """To standard output, for scripts."""
    Console().print_json(PRINTED.dump_json(found, by_alias=True).decode())
