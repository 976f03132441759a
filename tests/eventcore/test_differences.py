"""How a program differs from the one that a run has stored."""

from __future__ import annotations

from typing import Any

import sequent as seq
from eventcore.define.differences import differences
from eventcore.define.stored import StoredProgram, read
from tests.eventcore.test_stored import stored
from tests.support import boom, flow


def looped(**changes: Any) -> StoredProgram:
    """A flow with a loop, and a step in it."""
    program = flow()
    days = program.add_step("days", loop=changes.get("loop", ["mon", "tue"]))
    load = days.add_step("load", boom)
    days.add_step("check", boom, require=((load, seq.STEP_SUCCESS),) if changes.get("after", True) else ())
    return read(program.document)


def test_the_same_program_does_not_differ() -> None:
    assert not differences(stored(), stored())
    assert not differences(looped(), looped())


def test_steps_that_came_and_went_are_told_by_name() -> None:
    assert str(differences(stored(), stored(first="other"))) == "added: other; removed: first"


def test_what_changed_in_a_step_is_told() -> None:
    assert str(differences(stored(), stored(func=print))) == "changed: second (function)"
    assert str(differences(stored(), stored(delay=2))) == "changed: second (what it follows)"


def test_of_a_flow_the_loop_and_the_requirement_are_told() -> None:
    assert "days (loop)" in str(differences(looped(), looped(loop=["mon"])))
    assert "days/check (" in str(differences(looped(), looped(after=False)))
    assert "require" in str(differences(looped(), looped(after=False)))


def test_a_function_of_a_script_is_the_same_one_where_the_script_is_imported() -> None:
    imported, script, other = (f'"function":"{name}"' for name in ("nightly:load", "__main__:load", "other:load"))

    def with_function(text: str) -> StoredProgram:
        document = flow_of_one().document
        assert '"function":"tests.support:boom"' in document
        return read(document.replace('"function":"tests.support:boom"', text))

    assert not differences(with_function(imported), with_function(script))
    assert not differences(with_function(script), with_function(imported))
    assert str(differences(with_function(imported), with_function(other))) == "changed: load (function)"


def flow_of_one() -> seq.Sequent:
    program = flow()
    program.add_step("load", boom)
    return program
