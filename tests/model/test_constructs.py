"""The model of flows, pinned to what the newer constructs promise."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from eventcore.define.status import StepStatus, TaskStatus
from tests.model.constructs import mixed_outcomes, mixed_trees
from tests.model.containers import run_tree
from tests.model.kernel import Tree
from tests.model.strategies import FailingLeaves
from tests.model.tree import Clause, Instance, Level, Members, NodeSpec, Previous, TreeSpec

success, failure, over = StepStatus.success, StepStatus.failure, StepStatus.over


def leaf(name: str, require: Tree[Clause] | None = None, *, when: bool = False, must_run: bool = False) -> NodeSpec:
    return NodeSpec(name, require=require, when=when, must_run=must_run)


def ran(tree: TreeSpec, *failing: str, denied: tuple[str, ...] = ()) -> list[str]:
    """What was called, and the verdict."""
    words = [frozenset(Instance(*text.split("@")) for text in texts) for texts in (failing, denied)]
    result = run_tree(tree, FailingLeaves(*words))
    calls = [f"{action.instance.path}@{action.instance.sequence}" for action in result.trace if action.kind == "start"]
    return [*calls, "success" if result.verdict else "failure"]


def test_what_asks_for_the_end_starts_after_a_stop_and_handles_nothing() -> None:
    tree = TreeSpec((leaf("a"), leaf("b", Clause("a", over)), leaf("c", Clause("a", success))))
    assert ran(tree, "a@1") == ["a@1", "b@1", "failure"]


def test_a_level_has_failed_or_succeeded_when_all_else_is_over() -> None:
    tree = TreeSpec((leaf("a"), leaf("b", Level("", success)), leaf("c", Level("", failure))))
    assert ran(tree) == ["a@1", "b@1", "success"]
    assert ran(tree, "a@1") == ["a@1", "c@1", "failure"]


def test_members_are_certain_as_soon_as_there_are_so_many_and_never_when_too_few_are_left() -> None:
    box = NodeSpec("box", loop=3)
    tree = TreeSpec((box, leaf("two", Members("box", success, 2)), leaf("all", Members("box", success))), False)
    assert ran(tree) == ["box@1.1", "box@1.2", "two@1", "box@1.3", "all@1", "success"]
    assert ran(tree, "box@1.1") == ["box@1.1", "box@1.2", "box@1.3", "two@1", "failure"]


def test_the_first_iterations_have_none_before_them() -> None:
    box = NodeSpec("box", (leaf("a", Previous("box/a", success, "box", 2)),), loop=5)
    assert ran(TreeSpec((box,), False), "box/a@1.1") == ["box/a@1.1", "box/a@1.2", "box/a@1.4", "failure"]


def test_a_step_whose_condition_says_no_is_not_reached_and_one_whose_condition_fails_fails() -> None:
    tree = TreeSpec((leaf("a", when=True), leaf("b", Clause("a", failure)), leaf("c", Clause("a", over))))
    assert ran(tree) == ["a?@1", "a@1", "c@1", "success"]
    assert ran(tree, denied=("a?@1",)) == ["a?@1", "c@1", "success"]
    assert ran(tree, "a?@1") == ["a?@1", "b@1", "c@1", "success"]


def test_a_step_that_must_run_fails_where_it_does_not_and_nothing_around_it_helps() -> None:
    box = NodeSpec("box", (leaf("must", Clause("a", failure), must_run=True),), allow_failure=True)
    tree = TreeSpec((leaf("a"), box), False)
    assert ran(tree) == ["a@1", "failure"]
    assert ran(tree, "a@1") == ["a@1", "box/must@1.1", "success"]


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_a_mixed_flow_that_does_not_stop_ends_the_same_in_any_order(data: st.DataObject) -> None:
    tree = data.draw(mixed_trees())
    outcomes = data.draw(mixed_outcomes(tree))
    shuffled = run_tree(replace(tree, max_concurrent=0), outcomes, data.draw(st.randoms()).choice)
    assert replace(run_tree(tree, outcomes), trace=()) == replace(shuffled, trace=())
    assert all(status is not TaskStatus.cancelled for status in shuffled.statuses.values())
