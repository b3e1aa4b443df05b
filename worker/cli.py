"""The command line: `serinus …`, and `kubectl canary …` as a kubectl plugin of the same program.

Exit codes: 0 done, 1 refused or failed, 2 wrong usage or setting, 3 the cluster or Temporal cannot be reached,
130 interrupted.
"""

import os
import shlex
import sys
from contextlib import suppress
from typing import Annotated, NoReturn

import typer

from worker.command import By, Files, Format, Name, Namespace, OnlyRevision, Output, Reason, run
from worker.completion import names, namespaces
from worker.logs import configure_logs
from worker.settings import load_settings
from worker.steer import steer, undo
from worker.views import show_history, show_status
from workflows.steering import Command, Verb

NO_FILES = ":4"
"""What tells kubectl that names of files are no completion (cobra's ShellCompDirectiveNoFileComp)."""

app = typer.Typer(
    name="serinus",
    help="Progressive delivery for Kubernetes: every canary rollout is a Temporal workflow.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


@app.command()
def status(
    name: Annotated[str, typer.Argument(help="One Canary; all of them when left out.", autocompletion=names)] = "",
    namespace: Annotated[
        str,
        typer.Option("--namespace", "-n", help="Only this namespace; all when left out.", autocompletion=namespaces),
    ] = "",
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Keep the table live until Ctrl-C.")] = False,
    output: Output = Format.TABLE,
) -> None:
    """Show canaries: phase, weight, failed checks, and what each is waiting for.

    Examples: `serinus status` · `serinus status podinfo -n test -w` · `serinus status -o json`

    Exit codes: 0 shown, 1 the named Canary is not there, 3 the cluster or Temporal cannot be reached.
    """
    run(show_status(name, namespace, output, watch=watch))


@app.command()
def history(name: Name, namespace: Namespace = "default", output: Output = Format.TABLE) -> None:
    """Show a canary's release history, newest first: one line for every run of its workflow.

    Examples: `serinus history podinfo -n test` · `serinus history podinfo -n test -o json`

    Exit codes: 0 shown, 1 Temporal knows no rollout of it, 3 Temporal cannot be reached.
    """
    run(show_history(name, namespace, output))


@app.command()
def explain(name: Name, namespace: Namespace = "default", output: Output = Format.TABLE) -> None:
    """Tell why a canary stands where it stands: its checks with their queries and values, and what answers it.

    Of a rollout that has ended, it tells what the last step was told.

    Examples: `serinus explain podinfo -n test` · `serinus explain podinfo -n test -o json`

    Exit codes: 0 told, 1 no such Canary, 3 the cluster or Temporal cannot be reached.
    """
    from worker.explain_view import show_explanation

    run(show_explanation(name, namespace, output))


@app.command()
def promote(
    name: Name,
    *,
    namespace: Namespace = "default",
    by: By = "",
    reason: Reason = "",
    revision: OnlyRevision = "",
    output: Output = Format.TABLE,
) -> None:
    """Promote the running canary now, without further analysis.

    Example: `serinus promote podinfo -n test --reason "hotfix, checked by hand"`

    Exit codes: 0 done, 1 refused (the message says why), 3 Temporal cannot be reached.
    """
    run(steer(Verb.PROMOTE, namespace, name, Command(by=by, reason=reason, revision=revision), output))


@app.command()
def abort(
    name: Name,
    *,
    namespace: Namespace = "default",
    by: By = "",
    reason: Reason = "",
    revision: OnlyRevision = "",
    output: Output = Format.TABLE,
) -> None:
    """Bring all traffic back to the primary at once, and fail the rollout.

    Example: `serinus abort podinfo -n test --reason "wrong image"`

    Exit codes: 0 done, 1 refused (the message says why), 3 Temporal cannot be reached.
    """
    run(steer(Verb.ABORT, namespace, name, Command(by=by, reason=reason, revision=revision), output))


@app.command()
def pause(
    name: Name,
    *,
    namespace: Namespace = "default",
    by: By = "",
    reason: Reason = "",
    revision: OnlyRevision = "",
    output: Output = Format.TABLE,
) -> None:
    """Hold the canary at its present weight; checks go on, so a bad one is still rolled back.

    Example: `serinus pause podinfo -n test --reason "looking at the logs"`

    Exit codes: 0 done, 1 refused (the message says why), 3 Temporal cannot be reached.
    """
    run(steer(Verb.PAUSE, namespace, name, Command(by=by, reason=reason, revision=revision), output))


@app.command()
def resume(
    name: Name,
    *,
    namespace: Namespace = "default",
    by: By = "",
    reason: Reason = "",
    revision: OnlyRevision = "",
    output: Output = Format.TABLE,
) -> None:
    """Let a paused canary advance again.

    Example: `serinus resume podinfo -n test`

    Exit codes: 0 done, 1 refused (the message says why), 3 Temporal cannot be reached.
    """
    run(steer(Verb.RESUME, namespace, name, Command(by=by, reason=reason, revision=revision), output))


@app.command(name="undo")
def undo_promotion(
    name: Name,
    namespace: Namespace = "default",
    by: By = "",
    reason: Reason = "",
    output: Output = Format.TABLE,
) -> None:
    """Give the primary of a canary at rest the revision it ran before the last promotion, without analysis.

    The target keeps its template; the next change of it is rolled out as usual.

    Example: `serinus undo podinfo -n test --reason "orders are lost"`

    Exit codes: 0 done, 1 refused (the message says why), 3 Temporal cannot be reached.
    """
    run(undo(namespace, name, Command(by=by, reason=reason), output))


@app.command()
def lint(files: Files, output: Output = Format.TABLE) -> None:
    """Check Canaries, MetricTemplates and AlertProviders before they are applied. Asks no cluster.

    What the API server would refuse, by the rules of the CRDs, and what the worker would: fields that the router cannot
    express, queries that cannot be rendered. Other kinds are skipped. Settings count as for the worker, such as
    SERINUS_MESH_PROVIDER.

    Examples: `serinus lint canary.yaml` · `kustomize build . | serinus lint -` · `serinus lint *.yaml -o json`

    Exit codes: 0 nothing to change, 1 something to change, 2 a file cannot be read.
    """
    from worker.lint import show_lint

    run(show_lint(files, output))


@app.command()
def plan(files: Files, output: Output = Format.TABLE) -> None:
    """Show what Canaries will bring about: objects, steps and their time, checks, hooks, gates. Asks no cluster.

    Given the target's manifest too, it names the copies of its ConfigMaps and Secrets. Settings count as for the
    worker.

    Examples: `serinus plan canary.yaml` · `kustomize build . | serinus plan -` · `serinus plan canary.yaml -o json`

    Exit codes: 0 shown, 1 a Canary would be refused, or there is none, 2 a file cannot be read.
    """
    from worker.plan_view import show_plan

    run(show_plan(files, output))


@app.command()
def check(output: Output = Format.TABLE) -> None:
    """Check an installation: definitions, permissions and kinds in the cluster, Temporal, its worker, Prometheus.

    As whom the kubeconfig says, and from where it is run: in the worker's pod it tells what the worker will meet.
    Settings count as for the worker.

    Examples: `serinus check` · `serinus check -o json` ·
    `kubectl -n serinus-system exec deploy/serinus -- serinus check`

    Exit codes: 0 all is well, 1 something is to be mended, 3 the cluster or Temporal cannot be reached.
    """
    from worker.checkup_view import show_checkup

    run(show_checkup(output))


@app.command()
def worker() -> None:
    """Run the operator watch and the Temporal worker, until SIGTERM. Run as many replicas as you wish.

    Settings come from the environment: KUBECONFIG, TEMPORAL_ADDRESS, SERINUS_MESH_PROVIDER, SERINUS_METRICS_SERVER …

    Example: `SERINUS_METRICS_SERVER=http://prometheus.linkerd-viz:9090 serinus worker`

    Exit codes: 0 ended by SIGTERM, 1 cannot listen, 2 wrong setting, 3 no cluster, or no Temporal within an hour.
    """
    from worker.process import run_worker

    async def work() -> int:
        settings = load_settings()
        configure_logs(settings.logs)
        await run_worker(settings)
        return 0

    run(work())


@app.command()
def codec_server(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Its port.")] = 8081,
    origin: Annotated[
        list[str] | None, typer.Option(help="Whose pages may ask: the Temporal UI's address. May be repeated.")
    ] = None,
) -> None:
    """Decrypt for the Temporal UI and command line what the worker encrypts, until SIGTERM.

    Needs SERINUS_ENCRYPTION_KEYS as the worker has it, and SERINUS_CODEC_TOKEN where more than this machine reach it.

    Example: `serinus codec-server --origin http://127.0.0.1:8233`

    Exit codes: 0 ended by SIGTERM, 1 cannot listen, 2 wrong setting.
    """
    from worker.codec_server import serve_codec

    async def work() -> int:
        settings = load_settings()
        configure_logs(settings.logs)
        await serve_codec(settings.encryption, host, port, origin or [])
        return 0

    run(work())


def mount() -> None:
    """The neighbours bring their own commands."""
    from loadtester.cli import loadtester
    from playground.cli import app as playground
    from playground.demo_cli import demo

    app.command()(demo)
    app.command()(loadtester)
    app.add_typer(playground, name="playground")


def main() -> NoReturn:
    """Entry point of `serinus` and `kubectl-canary`.

    Ends without tearing the interpreter down: the Temporal client's threads may still call into it then, which aborts
    about one command in ten.
    """
    mount()
    code: object = 0
    try:
        app(prog_name="kubectl canary" if sys.argv[0].endswith("kubectl-canary") else "serinus")
    except SystemExit as ended:
        code = ended.code
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def complete() -> None:
    """Entry point of `kubectl_complete-canary`, which kubectl asks what may follow `kubectl canary …`."""
    words = ["serinus", *sys.argv[1:]]
    asked = {"COMP_WORDS": shlex.join(words), "COMP_CWORD": str(len(words) - 1)}
    os.environ.update({"_SERINUS_COMPLETE": "complete_bash", **asked})
    mount()
    with suppress(SystemExit):
        app(prog_name="serinus")
    typer.echo(NO_FILES)
