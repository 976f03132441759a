"""Results of classes that a script defines are read back however the script is started the next time."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.support import ROOT, rows

FLOW = """\
    import os
    from dataclasses import dataclass
    from enum import Enum
    import sequent as seq

    class Color(Enum):
        RED = 1

    @dataclass
    class Pair:
        a: int
        color: Color

    def make():
        return Pair(1, Color.RED)

    def use(pair):
        if not os.path.exists("ready"):
            raise ValueError("not yet")
        assert isinstance(pair, Pair) and pair.color is Color.RED
        return pair

    flow = seq.Sequent("flow", "flow.run.db", config={"logdir": "logs", "task_construct": os.environ["CONSTRUCT"]})
    flow.add_step("use", use, args=(flow.add_step("make", make).result,))
    if __name__ == "__main__":
        flow.run(run_mode=seq.RunMode(os.environ["MODE"]))
"""

COMMAND = [sys.executable, "-c", "from sequent.cli.command import main; main()"]
STARTS = {
    "script": [sys.executable, "flow.py"],
    "module": [sys.executable, "-m", "flow"],
    "file": [*COMMAND, "VERB", "flow.py"],
    "name": [*COMMAND, "VERB", "flow.py:flow"],
    "import": [*COMMAND, "VERB", "flow:flow"],
}


@pytest.mark.parametrize("construct", ["process", "invoke"])
@pytest.mark.parametrize(
    ("first", "then"),
    [("script", "name"), ("name", "script"), ("file", "name"), ("name", "file"), ("script", "import"),
     ("import", "module"), ("script", "file")],
)  # fmt: skip
def test_they_are_the_same_class(tmp_path: Path, construct: str, first: str, then: str) -> None:
    (tmp_path / "flow.py").write_text(textwrap.dedent(FLOW))
    environment = os.environ | {"PYTHONPATH": str(ROOT), "CONSTRUCT": construct}
    for how, verb, mode in ((first, "run", "restart"), (then, "recover", "recover")):
        command = [verb if part == "VERB" else part for part in STARTS[how]]
        subprocess.run(command, cwd=tmp_path, env={**environment, "MODE": mode}, capture_output=True, check=False)
        (tmp_path / "ready").touch()
    latest = "select step, status from {tasks} where recovery = 1 order by step"
    assert rows(tmp_path / "flow.run.db", latest) == [("make", "skipped"), ("use", "success")]
