"""`@flow.step(...)`: steps where their functions are defined."""

from __future__ import annotations

import inspect
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import sequent as seq
from sequent.language.container import Container
from sequent.language.step import FlowStep
from tests.support import ROOT, flow


def test_the_functions_name_stands_for_the_step() -> None:
    ran = flow()
    days = ran.add_step("days", loop=[1, 2])

    @days.step(args=(days.item,))
    def load(day: int) -> int:
        return day * 10

    @ran.step("sum it up", require=((days, seq.STEP_SUCCESS),), config={"retries": 1})
    def total() -> int:
        return 3

    @ran.step(kwargs={"number": total.result})
    def report(number: int) -> str:
        return f"total {number}"

    assert [step.path for step in ran.walk()] == ["days", "days/load", "sum it up", "report"]
    assert isinstance(report, FlowStep)
    assert load.func is not None
    assert load.func(4) == 40
    assert ran.run()
    assert (ran.results(load), ran.result(report)) == ({"1.1": 10, "1.2": 20}, "total 3")


def test_its_arguments_are_those_of_add_step() -> None:
    decorator, method = inspect.signature(Container.step).parameters, inspect.signature(Container.add_step).parameters
    assert list(decorator) == [name for name in method if name != "func"]
    for name in decorator.keys() - {"self", "name"}:
        assert decorator[name] == method[name]


@pytest.mark.parametrize("construct", ["process", "invoke"])
def test_a_function_of_a_module_is_sent_by_its_name_with_its_module_around_it(tmp_path: Path, construct: str) -> None:
    (tmp_path / "mine.py").write_text(
        textwrap.dedent(f"""
        import threading

        import sequent as seq

        lock = threading.Lock()  # cannot be sent by value
        flow = seq.Sequent("mine", config={{"logging_level": "CRITICAL", "task_construct": "{construct}"}})


        @flow.step()
        def load():
            with lock:
                return helper()


        def helper():
            return 7


        @flow.step(args=(load.result,))
        async def double(number):
            return number * 2
    """)
    )
    code = "import mine; mine.flow.check(); print(mine.flow.run(), mine.flow.result('double'))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": f"{ROOT}:{tmp_path}"}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "True 14\n", done.stderr


def test_without_parentheses_or_a_usable_name_it_is_refused() -> None:
    ran = flow()
    with pytest.raises(seq.FlowError, match=r"step 'work': the decorator needs parentheses; write @flow.step\(\)"):

        @ran.step  # type: ignore[arg-type]
        def work() -> None: ...

    with pytest.raises(seq.FlowError, match="step name '': a name must be non-empty"):
        ran.step()(seq.shell("true"))
    assert not ran.children
