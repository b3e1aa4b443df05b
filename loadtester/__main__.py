"""`python -m loadtester`: the same as `serinus loadtester`."""

import typer

from loadtester.cli import loadtester

if __name__ == "__main__":
    typer.run(loadtester)
