"""Codecs and libraries in programs: what engines, workers and readers need of them, and what they do not."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from click.testing import CliRunner

import eventcore as evr
from sequent.cli.command import sequent as command
from tests.support import ROOT, rows, run_script

COMMAND = [sys.executable, "-W", "error", "-c", "from sequent.cli.command import main; main()"]
STARTS = {
    "script": [sys.executable, "-W", "error", "flow.py"],
    "file": [*COMMAND, "VERB", "flow.py"],
    "name": [*COMMAND, "VERB", "flow.py:flow"],
    "import": [*COMMAND, "VERB", "flow:flow"],
}
FLOW = """\
    import os
    import sequent as seq
    from money import Coin

    class Money:
        def __init__(self, cents):
            self.cents = cents
        def __repr__(self):
            return f"Money({self.cents})"
        def __reduce__(self):
            raise TypeError("money cannot be pickled")

    seq.register_codec(Money, name="money", encode=lambda money: money.cents, decode=Money)

    def make():
        return {"all": [Money(5)], "coin": Coin(1)}

    def prices():
        return [Money(1), Money(2)]

    def use(got, item):
        if not os.path.exists("ready"):
            raise ValueError("not yet")
        assert type(got["all"][0]) is type(item) is Money and type(got["coin"]) is Coin
        assert os.environ.get("SEQUENT_LOOP_VALUE", str(item)) == str(item) == f"Money({item.cents})"
        return Money(got["all"][0].cents + item.cents)

    flow = seq.Sequent("flow", "flow.run.db", config={"logdir": "logs", "task_construct": os.environ["CONSTRUCT"]})
    made = flow.add_step("make", make)
    flow.add_step("loop", loop=prices).add_step("use", use, args=(made.result, seq.item))
    if __name__ == "__main__":
        flow.run(run_mode=seq.RunMode(os.environ["MODE"]))
"""
MONEY = """\
    import sequent as seq

    class Coin:
        def __init__(self, cents):
            self.cents = cents

    seq.register_codec(Coin, name="coin", encode=lambda coin: bytes([coin.cents]), decode=lambda data: Coin(data[0]))
"""


def started(folder: Path, how: str, verb: str, mode: str, construct: str) -> None:
    """Run the flow in one of the ways."""
    for name, source in (("flow.py", FLOW), ("money.py", MONEY)):
        (folder / name).write_text(textwrap.dedent(source))
    command = [verb if part == "VERB" else part for part in STARTS[how]]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "CONSTRUCT": construct, "MODE": mode}
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False, timeout=600)


@pytest.mark.parametrize(
    ("construct", "first", "then"),
    [("process", "script", "name"), ("process", "import", "script"), ("process", "file", "import"),
     ("invoke", "name", "script"), ("thread", "script", "file")],
)  # fmt: skip
def test_codecs_of_a_script_work_however_it_is_started(tmp_path: Path, construct: str, first: str, then: str) -> None:
    started(tmp_path, first, "run", "restart", construct)
    (tmp_path / "ready").touch()
    started(tmp_path, then, "recover", "recover", construct)
    query = "select step, sequence, status from {tasks} where recovery = 1 and step like '%e' order by step, sequence"
    assert rows(tmp_path / "flow.run.db", query) == [
        ("loop/use", "1.1", "success"), ("loop/use", "1.2", "success"), ("make", "1", "skipped")
    ]  # fmt: skip
    query = "select value from {results} where step = 'loop/use' and recovery = 1 order by sequence"
    assert [text for (text,) in rows(tmp_path / "flow.run.db", query)] == [
        '{"$":"codec","v":["money","Money(6)",6]}', '{"$":"codec","v":["money","Money(7)",7]}'
    ]  # fmt: skip


def test_readers_without_the_codec_show_what_the_value_was(tmp_path: Path) -> None:
    started(tmp_path, "script", "run", "restart", "process")
    store = str(tmp_path / "flow.run.db")
    found = evr.stored_run(store).result("make")
    assert found == {
        "all": [evr.UnknownValue("money", "Money(5)", 5)],
        "coin": evr.UnknownValue("coin", "<Coin>", b"\1"),
    }
    status = CliRunner().invoke(command, ["status", store])
    assert status.exit_code in (0, 1)
    assert "@1.1 [money: Money(1)]: ValueError: not yet" in status.output
    for arguments in (["why", store, "loop/use@1.1"], ["logs", store, "--failed"], ["status", store, "--json"]):
        shown = CliRunner().invoke(command, arguments)
        assert "money: Money(1)" in shown.output or "--json" in arguments
        assert not isinstance(shown.exception, Exception)
    page = tmp_path / "page.html"
    assert CliRunner().invoke(command, ["report", store, "-o", str(page)]).exit_code == 0
    assert "{'all': [money: Money(5)], 'coin': coin: " in page.read_text()


LIBRARIES = """\
    import os, sys
    import sequent as seq

    class Missing:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in os.environ["MISSING"].split():
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    def make():
        import numpy, pandas
        return [numpy.arange(3), pandas.DataFrame({"a": [1]})]

    def items():
        import numpy
        return numpy.arange(2.0)

    def use(made, item):
        assert "FAIL" not in os.environ
        return type(made[0]).__name__, type(made[1]).__name__, type(item).__name__

    if __name__ == "__main__":
        sys.meta_path.insert(0, Missing())
        construct, mode = sys.argv[1:]
        settings = {"task_construct": construct, "logging_level": "CRITICAL", "logdir": "logs"}
        flow = seq.Sequent("flow", "flow.run.db", config=settings)
        made = flow.add_step("make", make)
        loop = flow.add_step("loop", loop=items)
        used = loop.add_step("use", use, args=(made.result, loop.item))
        print(flow.run(run_mode=seq.RunMode(mode)), sorted(sys.modules.keys() & {"numpy", "pandas", "pyarrow"}))
        if "results" in os.environ:
            print(flow.results(used))
        for task in flow.tasks(used):
            print(task.error)
        try:
            print(flow.result(made))
        except seq.EventcoreError as error:
            print(type(error).__name__, error)
"""


def test_an_engine_needs_no_library_that_only_its_steps_use(tmp_path: Path) -> None:
    done = run_script(LIBRARIES, tmp_path, "process", "restart", MISSING="numpy pandas pyarrow", results="yes")
    assert done.stderr == ""
    ended, results, *errors, missing = done.stdout.splitlines()
    assert ended == "True []"
    assert results == str({f"1.{n}": ("ndarray", "DataFrame", "float64") for n in (1, 2)})
    assert errors == ["None", "None"]
    assert missing.startswith("StoreError run '")
    assert missing.endswith(
        "': the result of make@1 cannot be read: it is a numpy.ndarray, and numpy is not installed here; run: pip "
        "install numpy"
    )


def test_a_step_that_lacks_a_library_fails_and_says_what_to_install(tmp_path: Path) -> None:
    run_script(LIBRARIES, tmp_path, "process", "restart", MISSING="", FAIL="yes")
    done = run_script(LIBRARIES, tmp_path, "invoke", "recover", MISSING="pyarrow")
    _, *errors, missing = done.stdout.splitlines()
    wanted = "it is a pandas.DataFrame, and pyarrow is not installed here; run: pip install pyarrow"
    assert errors[0] == f"StoreError: the result of step 'make' at 1 cannot be used: {wanted}"
    assert missing.endswith(wanted)


def test_a_table_that_cannot_be_written_says_what_to_install(tmp_path: Path) -> None:
    done = run_script(LIBRARIES, tmp_path, "invoke", "restart", MISSING="pyarrow")
    [(error,)] = rows(tmp_path / "flow.run.db", "select error from {attempts} where error is not null")
    assert done.stdout.startswith("False")
    assert error.endswith("it is a pandas.DataFrame, and pyarrow is not installed here; run: pip install pyarrow")


def test_flows_without_such_values_import_no_library(tmp_path: Path) -> None:
    done = run_script(
        """
        import sys
        import sequent as seq
        flow = seq.Sequent("flow", config={"task_construct": "invoke", "logging_level": "CRITICAL"})
        made = flow.add_step("made", lambda: {"a": object})
        flow.add_step("loop", lambda: [1.5], loop=[1.5, "x"])
        print(flow.run(), sorted(sys.modules.keys() & {"numpy", "pandas", "pyarrow", "cloudpickle"}))
        """, tmp_path
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("True []\n", "")


CLASSES = """\
    import dataclasses
    import enum
    import os
    import numpy
    import sequent as seq
    from boxes import Box

    class Kind(enum.Enum):
        RAW = 1

    class Marks(enum.Flag):
        A = 1
        B = 2

    @dataclasses.dataclass
    class Table:
        values: object
        kind: Kind = Kind.RAW
        marks: Marks = Marks.B

    def make():
        return Box([Table(numpy.arange(3))])

    def use(box, item):
        if not os.path.exists("ready"):
            raise ValueError("not yet")
        assert type(box) is Box and type(box.content[0]) is type(item) is Table
        assert type(item.values) is numpy.float32 and item.kind is Kind.RAW and item.marks is Marks.B
        return box.content[0].values.sum()

    flow = seq.Sequent("flow", "flow.run.db", config={"logdir": "logs"})
    made = flow.add_step("make", make)
    loop = flow.add_step("loop", loop=lambda: [Table(numpy.float32(1))])
    loop.add_step("use", use, args=(made.result, loop.item))
    shown = flow.add_step("show", repr, args=(made.result,), require=((loop, seq.STEP_SUCCESS),))
    if __name__ == "__main__":
        flow.run(run_mode=seq.RunMode(os.environ["MODE"]))
"""


@pytest.mark.parametrize(("first", "then"), [("script", "file"), ("name", "script"), ("import", "import")])
def test_classes_of_results_are_known_in_workers_that_have_not_imported_them(
    tmp_path: Path, first: str, then: str
) -> None:
    (tmp_path / "boxes.py").write_text("import msgspec\nclass Box(msgspec.Struct):\n    content: object\n")
    (tmp_path / "flow.py").write_text(textwrap.dedent(CLASSES))
    for how, verb, mode in ((first, "run", "restart"), (then, "recover", "recover")):
        command = [verb if part == "VERB" else part for part in STARTS[how]]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "MODE": mode}
        subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False, timeout=600)
        (tmp_path / "ready").touch()
    assert rows(tmp_path / "flow.run.db", "select error from {attempts} where recovery = 1") == []
    query = "select step, value from {results} where recovery = 1 and step in ('loop/use', 'show') order by step"
    assert rows(tmp_path / "flow.run.db", query) == [
        ("loop/use", '{"$":"codec","v":["numpy.scalar","3",["<i8",3]]}'),
        ("show", '"Box(content=[Table(values=array([0, 1, 2]), kind=<Kind.RAW: 1>, marks=<Marks.B: 2>)])"'),
    ]
