"""The shell command `sequent`.

Each verb is a file of `verbs`, imported when it is called, so that `--help` answers at once. Exit codes: 0 success,
1 the run failed or is stalled, 2 usage or another expected error (one line with a remedy), 3 nothing to do.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit, see `sequent.cli.command`; Ctrl-C while that is being imported is one line, too."""
    try:
        from sequent.cli import command
    except KeyboardInterrupt:
        sys.exit("sequent: interrupted")
    command.main(arguments)
