"""Run the suite beside busy processes, by default three times beside eight: `python -m tests.busy [PASSES [BUSY]]`.

What passes only on an idle machine fails here. More tests run at once than there are processors, which loads the
machine further and gives the suite a fair share of it.
"""

from __future__ import annotations

import subprocess
import sys

AT_ONCE = 8  #: tests
BURN = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    sum(range(100_000))"


def main(passes: int = 3, processes: int = 8) -> int:
    """Stop at the first pass that fails, with its exit code."""
    busy = [subprocess.Popen([sys.executable, "-c", BURN]) for _ in range(processes)]
    try:
        for number in range(1, passes + 1):
            print(f"pass {number} of {passes}, beside {processes} busy processes", flush=True)
            code = subprocess.run([sys.executable, "-m", "pytest", "-n", str(AT_ONCE)], check=False).returncode
            if code:
                return code
    finally:
        for process in busy:
            process.kill()
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
