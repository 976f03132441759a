"""What a run that cannot go on says that it waits for."""

from __future__ import annotations

from eventcore.decide import verdict
from eventcore.decide.history import History
from eventcore.decide.plan import Plan
from eventcore.decide.turn import Turn
from eventcore.define.config import Config, StepConfig
from eventcore.define.outcome import Outcome
from eventcore.define.pools import ResourcePool, Units
from eventcore.define.program import Program, Role
from eventcore.define.scopes import Loop
from eventcore.define.status import Verdict
from tests.property.test_decisions import NoArchive, nothing


def waits(program: Program) -> list[tuple[str, str]]:
    """What each task waits for when the program was started with `go` and every step succeeded."""
    turn = Turn(Plan(program, Config()), History(), NoArchive(), {})
    turn.trigger("go", "1")
    turn.settle()
    while turn.context.state.running:
        turn.ended(next(iter(turn.context.state.running.values())), Outcome(True))
        turn.settle()
    assert verdict.of(turn.context) is Verdict.stalled
    return [(wait.task.step.name, wait.waits_for) for wait in verdict.stalled(turn.context)]


def test_a_container_whose_iteration_nothing_ends_waits_for_the_steps_inside_and_is_no_success() -> None:
    program = Program("stuck")
    go = program.add_event("go")
    loop = Loop(program.add_scope("c", ""))
    container = program.add_step("c", None, (), {}, {}, (), None, {}, StepConfig(), role=Role.container, loop=loop)
    program.add_assoc(go, (container,))
    assert waits(program) == [("c", "steps inside it that can never start")]


def test_a_step_that_wants_units_of_two_pools_waits_for_the_one_that_has_too_few() -> None:
    program, free, kept = Program("units"), ResourcePool("free", 2), ResourcePool("kept", 2)
    go = program.add_event("go")

    def add(name: str, acquires: Units, releases: Units | None) -> None:
        step = program.add_step(name, nothing, (), {}, {}, acquires, releases, {}, StepConfig())
        program.add_assoc(go, (step,))

    add("keeps", ((kept, 1),), ())
    add("wants", ((free, 1), (kept, 2)), None)
    assert waits(program) == [("wants", "2 of resource 'kept' (1 of 2 free)")]
