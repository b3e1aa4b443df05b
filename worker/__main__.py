"""`python -m worker …` is `serinus …`."""

from worker.cli import main

main()
