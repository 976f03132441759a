"""The shell command `sequent`.

Each verb is a file of `verbs`, imported when it is called, so that `--help` answers at once. Exit codes: 0 success,
1 the run failed or is stalled, 2 usage or another expected error (one line with a remedy), 3 nothing to do.
"""

from sequent.cli.main import main

__all__ = ["main"]
