"""Whether every file of a folder has enough of its branches covered, from `coverage/coverage.json`.

python -m tests.branches eventcore/decide 95
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def shares(folder: str) -> dict[str, float]:
    """The share of the branches of each file below a folder that tests take, in percent."""
    files = json.loads(Path("coverage/coverage.json").read_text(encoding="utf-8"))["files"]
    found = {name: file["summary"] for name, file in files.items() if name.startswith(f"{folder}/")}
    if not found:
        sys.exit(f"coverage/coverage.json has no file of {folder}; run: make coverage")
    return {name: 100 * one["covered_branches"] / (one["num_branches"] or 1) for name, one in found.items()
            if one["num_branches"]}  # fmt: skip


def main(folder: str, least: str) -> int:
    """Name the files that fall short; the exit code says whether there are any."""
    short = {name: share for name, share in shares(folder).items() if share < float(least)}
    for name, share in sorted(short.items()):
        print(f"{name}: {share:.1f} % of its branches are covered; {least} % are wanted")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
