"""Turns into the given command, which the kernel then ends when the parent process dies, however that dies.

Run by `process.py` as `leash.py PARENT_PID COMMAND...` in a fresh interpreter: between fork and exec of a program with
threads no Python code is safe, so the request to the kernel is made here, after the exec. Linux only.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask the kernel for the signal, then become the command."""
    parent, *command = sys.argv[1:]
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        sys.exit(f"prctl failed: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != int(parent):  # it died before the request was made
        sys.exit("the parent is gone")
    os.execv(command[0], command)  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    main()
