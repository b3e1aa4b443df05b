"""The command `serinus loadtester`."""

import signal
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

INTERRUPTED, WRONG_USAGE, REFUSED = 130, 2, 1

errors = Console(stderr=True)


def loadtester(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on; default 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0: any free one; default 9090.")] = None,
    task_timeout_seconds: Annotated[
        float | None, typer.Option(help="A task that takes longer is ended; default 3600.")
    ] = None,
    max_tasks: Annotated[
        int | None, typer.Option(help="Tasks that may run at once, further calls are answered 429; default 64.")
    ] = None,
    namespace_regexp: Annotated[
        str | None, typer.Option(help="Canaries of other namespaces are answered 403; default: all are served.")
    ] = None,
    extra_path: Annotated[
        Path | None, typer.Option(help="Folder of programs that tasks find before those on PATH.")
    ] = None,
    gates_file: Annotated[
        Path | None, typer.Option(help="File that keeps the open gates; default: a restart closes them.")
    ] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error; default info.")] = None,
    log_format: Annotated[str | None, typer.Option(help="auto, json or console; default auto.")] = None,
) -> None:
    """Serve a canary's webhooks: `hey` for traffic, `bash` and `curl` for checks, and gates. Until SIGTERM.

    It runs any command it is told by whoever reaches it: let only your canaries reach it, or set LOADTESTER_TOKEN.
    Every option may also come from the environment, as LOADTESTER_PORT and so on.

    Examples: `serinus loadtester` · `serinus loadtester --host 0.0.0.0 --port 8080 --namespace-regexp '^test$'`

    Call it: `curl -d '{"name":"podinfo","namespace":"test","metadata":{"type":"bash","cmd":"hey -n 9 http://podinfo"}}'
    http://127.0.0.1:9090/`

    Open a gate: `curl -d '{"name":"podinfo","namespace":"test"}' http://127.0.0.1:9090/gate/open`

    Exit codes: 0 ended by SIGTERM, 1 cannot listen or read its gates, 2 wrong setting, 130 interrupted.
    """
    from loadtester.gates import GatesLost
    from loadtester.server import CannotListen, serve
    from loadtester.settings import WrongSetting, load_settings
    from worker.logs import configure_logs

    try:
        settings = load_settings(
            host=host,
            port=port,
            task_timeout_seconds=task_timeout_seconds,
            max_tasks=max_tasks,
            namespace_regexp=namespace_regexp,
            extra_path=extra_path,
            gates_file=gates_file,
            log_level=log_level,
            log_format=log_format,
        )
    except WrongSetting as error:
        raise _refused(error, WRONG_USAGE) from error
    configure_logs(settings)
    # A shell that starts it in the background hands SIGINT down as ignored; whoever sends it means it all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        serve(settings)
    except (CannotListen, GatesLost) as error:
        raise _refused(error, REFUSED) from error
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def _refused(error: Exception, code: int) -> typer.Exit:
    errors.print(f"[red]error:[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
    return typer.Exit(code)
