"""`serinus playground`: build what it needs, and run a world by hand."""

import asyncio
import shlex
import shutil
import signal
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated

import structlog
import typer
from rich.console import Console

from playground.binaries import Binaries, ProgramMissing, ensure, ensure_for_tests
from playground.building import BuildFailed
from playground.folders import Folders
from playground.golang import GoMissing
from playground.interrupts import run_interruptibly
from playground.kubectl import KubectlFailed
from playground.process import ProcessFault
from playground.progress import ConsoleProgress
from playground.recipes import UnsupportedMachine
from playground.world import World, WorldInUse

app = typer.Typer(help="A whole small world on this machine: Kubernetes, Temporal, Prometheus.", no_args_is_help=True)
CANNOT_BUILD = (BuildFailed, GoMissing, ProgramMissing, UnsupportedMachine)
CANNOT_RUN = (ProcessFault, WorldInUse, KubectlFailed)
INTERRUPTED = 130


@app.command()
def build(
    for_tests: Annotated[
        bool, typer.Option("--for-tests", help="Also build what only Serinus' own tests run.")
    ] = False,
) -> None:
    """Build what the playground runs, once; later calls find it in the cache.

    Examples: `serinus playground build` · `serinus playground build --for-tests`

    Exit codes: 0 all is there, 1 something could not be built (the message says what), 130 interrupted.
    """
    console = Console()
    try:
        binaries = asyncio.run(_build(console, for_tests=for_tests))
    except CANNOT_BUILD as error:
        raise _refused(console, error) from error
    except KeyboardInterrupt:
        console.print("Interrupted; the next run resumes.")
        raise typer.Exit(INTERRUPTED) from None
    console.print(f"All there, for example {binaries.kube_apiserver}", highlight=False, soft_wrap=True)


@app.command()
def up(
    data: Annotated[
        Path | None, typer.Option(help="Folder of the world's data; default: playground in Serinus' data folder.")
    ] = None,
) -> None:
    """Start a world, print its addresses, and run it until Ctrl-C.

    Example: `serinus playground up --data ./world`

    Exit codes: 0 ended by Ctrl-C, 1 something could not be built or did not run (the message says what).
    """
    console = Console()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("warning"))
    try:
        run_interruptibly(_up(console, data or Folders().data / "playground"))
    except CANNOT_BUILD + CANNOT_RUN as error:
        raise _refused(console, error) from error
    except KeyboardInterrupt:
        console.print("All ended; the data is kept for the next time.")


@app.command()
def trim() -> None:
    """Delete what Go downloaded and compiled; the built programs stay, so nothing is built anew.

    Example: `serinus playground trim`
    """
    folder = Folders().cache / "go"
    shutil.rmtree(folder, ignore_errors=True)
    Console().print(f"Deleted {folder}", highlight=False, soft_wrap=True)


async def _build(console: Console, *, for_tests: bool = False) -> Binaries:
    with ConsoleProgress(console) as progress:
        if for_tests:
            await ensure_for_tests(progress)
        return await ensure(progress)


async def _up(console: Console, folder: Path) -> None:
    binaries = await _build(console)
    if (running := asyncio.current_task()) is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    async with AsyncExitStack() as stack:
        with console.status("Starting etcd, Kubernetes, Temporal, Prometheus (about 10 s)"):
            world = await stack.enter_async_context(World(folder, binaries))
        _show(console, world)
        await world.watch()


def _show(console: Console, world: World) -> None:
    told = {
        "Kubernetes": world.api_url,
        "Temporal": world.temporal_address,
        "Temporal UI": world.temporal_ui,
        "Prometheus": world.prometheus_url,
        "Audit log": world.audit_log,
        "Data and logs": world.folder,
    }
    lines = [f"  {name:<14} {value}" for name, value in told.items()]
    lines += ["", "In another terminal:"]
    lines += [f"  export {name}={shlex.quote(value)}" for name, value in world.addresses.items()]
    console.print("\n".join([*lines, "", "Ctrl-C ends it."]), highlight=False, markup=False, soft_wrap=True)


def _refused(console: Console, error: Exception) -> typer.Exit:
    console.print(str(error), style="red", highlight=False, markup=False, soft_wrap=True)
    return typer.Exit(1)


if __name__ == "__main__":
    app()
