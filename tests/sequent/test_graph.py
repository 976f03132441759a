"""A flow as a directed graph: what users get of it, and what the compiler reads off it."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import pytest

import sequent as seq
from sequent import STEP_ACTIVE, STEP_COMPLETE, STEP_FAILURE, STEP_READY, STEP_SUCCESS, or_
from sequent.compiler.graph import FlowGraph
from sequent.errors import CycleError
from tests.support import boom, flow, run_script

OK = STEP_SUCCESS


def nightly() -> seq.Sequent:
    """Days are loaded side by side; a report follows, or a warning."""
    f = flow()
    plan = f.add_step("plan", list)
    days = f.add_step("days", loop=plan.result, concurrent=2)
    load = days.add_step("load", print, (days.item,), delay=2)
    days.add_step("check", print, (load.result,), require=((load, OK), (plan, STEP_ACTIVE)))
    f.add_step("report", print, require=or_((days, OK), (days, STEP_FAILURE)))
    f.add_step("mails", print, loop=["a", "b"], require=(("report", STEP_COMPLETE),))
    return f


def graph_of(f: seq.Sequent, *unstopped: str) -> FlowGraph:
    """The compiler's graph; the failures of the steps named do not stop what is around them."""
    return FlowGraph(f, lambda step: step.path not in unstopped)


def test_every_step_has_a_start_and_an_end_that_tell_what_it_is() -> None:
    graph = nightly().graph()
    paths = ["plan", "days", "days/load", "days/check", "report", "mails"]
    assert list(graph) == [(path, at) for path in paths for at in ("start", "end")]
    assert graph.nodes["days/load", "start"] == {
        "at": "start", "path": "days/load", "name": "load", "role": "action", "scope": "days", "loop": None,
        "concurrent": 1, "delay": 2,
    }  # fmt: skip
    told = [(graph.nodes[path, "end"]["role"], graph.nodes[path, "end"]["loop"]) for path in ("plan", "days", "mails")]
    assert told == [("action", None), ("container", "result"), ("body", "items")]


def test_edges_say_what_must_come_first_and_why() -> None:
    edges = nightly().graph().edges
    assert {(source, target): data["kind"] for source, target, data in edges(data=True)} == {
        **{((path, "start"), (path, "end")): "runs"
           for path in ("plan", "days", "days/load", "days/check", "report", "mails")},
        **{(("days", "start"), (path, "start")): "contains" for path in ("days/load", "days/check")},
        **{((path, "end"), ("days", "end")): "contains" for path in ("days/load", "days/check")},
        (("plan", "end"), ("days", "start")): "refers",
        (("plan", "start"), ("days/check", "start")): "requires",
        (("days/load", "end"), ("days/check", "start")): "requires",
        (("days", "end"), ("report", "start")): "requires",
        (("report", "end"), ("mails", "start")): "requires",
    }  # fmt: skip
    assert edges[("days", "end"), ("report", "start")]["statuses"] == (OK, STEP_FAILURE)
    assert edges[("days/load", "end"), ("days/check", "start")]["result"]
    assert not edges[("report", "end"), ("mails", "start")]["result"]


def test_the_longest_path_by_the_users_own_figures() -> None:
    graph = nightly().graph()
    for path, seconds in {"plan": 1, "days/load": 60, "days/check": 5, "report": 10, "mails": 3}.items():
        graph.edges[(path, "start"), (path, "end")]["seconds"] = seconds
    assert nx.dag_longest_path_length(graph, weight="seconds", default_weight=0) == 79


def test_a_graph_that_was_changed_changes_no_flow() -> None:
    ran: list[str] = []
    f = flow()
    f.add_step("a", ran.append, ("a",))
    f.add_step("b", ran.append, ("b",), require=(("a", OK),))
    f.graph().remove_node(("a", "start"))
    assert ("a", "start") in f.graph()
    assert f.run()
    assert ran == ["a", "b"]


def test_a_flow_that_cannot_run_has_no_graph() -> None:
    f = flow()
    f.add_step("a", boom, require=(("b", OK),))
    f.add_step("b", boom, require=(("a", OK),))
    with pytest.raises(CycleError, match=r"other: 'a' -> 'b' -> 'a'; remove"):
        f.graph()


def test_a_circle_is_told_by_its_shortest_way_round() -> None:
    f = flow()
    f.add_step("before", print)
    f.add_step("a", print, require=(("before", OK), ("c", OK)))
    f.add_step("b", print, require=(("a", OK),))
    f.add_step("c", print, require=(("a", OK), ("b", OK)))
    with pytest.raises(CycleError, match=r"each other: 'a' -> 'c' -> 'a'; remove"):
        f.check()


def test_a_result_of_a_step_is_waited_for_also_where_another_of_its_name_is_required() -> None:
    f = flow()
    load = f.add_step("load", print)
    days = f.add_step("days")
    days.add_step("load", print)
    days.add_step("check", print, (load.result,), require=(("load", OK),))
    assert {("load", "end"), ("days/load", "end")} <= nx.ancestors(f.graph(), ("days/check", "start"))


def test_what_can_become_void_is_what_iterations_depend_on() -> None:
    f = nightly()
    f.add_step("early", print)
    graph = graph_of(f)
    assert graph.voidable == {"plan", "days/load", "days/check"}
    assert graph.never_asked == {("plan", STEP_ACTIVE), ("days/load", OK)}


def test_statuses_that_are_asked_for_failures_that_are_handled_results_that_are_taken() -> None:
    graph = graph_of(nightly())
    assert graph.asked == {
        ("plan", OK), ("plan", STEP_ACTIVE), ("days/load", OK), ("days", OK), ("days", STEP_FAILURE),
        ("report", STEP_COMPLETE),
    }  # fmt: skip
    assert graph.handled == {"days", "report"}
    assert graph.referred == {"plan", "days/load"}
    assert graph.is_handled(graph.steps["days/check"])
    assert not graph.is_handled(graph.steps["mails"])


def test_an_iteration_can_be_halted_by_what_is_in_it_or_around_it() -> None:
    f = flow()
    outer = f.add_step("outer")
    inner = outer.add_step("inner")
    inner.add_step("leaf", boom)
    looped = f.add_step("looped", boom, loop=[1, 2])
    graph = graph_of(f)
    assert [graph.can_be_halted(container) for container in (f, outer, inner, looped)] == [False, True, True, True]
    graph = graph_of(f, "outer/inner", "looped")
    assert [graph.can_be_halted(container) for container in (f, outer, inner, looped)] == [False, False, True, False]
    assert not graph.ends_the_run(graph.steps["outer/inner/leaf"])
    graph = graph_of(f, "outer/inner/leaf")
    assert [graph.can_be_halted(container) for container in (outer, inner)] == [True, True]


def test_children_whose_ends_are_waited_for_by_one_alone_do_not_close_an_iteration() -> None:
    f = flow()
    outside = f.add_step("outside", print)
    c = f.add_step("c")
    a = c.add_step("a", print)
    b = c.add_step("b", print, require=((a, OK),))
    d = c.add_step("d", print, require=or_((b, OK), (b, STEP_FAILURE)))
    begun = c.add_step("begun", print, require=((d, STEP_READY),))
    both = c.add_step("both", print, require=((begun, OK), (outside, OK)))
    inner = c.add_step("inner")
    inner.add_step("leaf", print, require=((both, OK),))
    assert graph_of(f, "c", *(s.path for s in c.walk())).closing_children(c) == [d, begun, both, inner]
    assert graph_of(f).closing_children(c) == list(c.children.values())


def test_without_networkx_flows_are_written_and_not_compiled(tmp_path: Path) -> None:
    script = """
        import sys
        sys.modules["networkx"] = None
        import sequent as seq
        flow = seq.Sequent(store=":memory:")
        a = flow.add_step("a", print)
        flow.add_step("b", print, require=((a, seq.STEP_SUCCESS),))
        for use in (flow.run, flow.check, flow.graph):
            try:
                use()
            except seq.FlowError as error:
                print(error)
    """
    done = run_script(script, tmp_path)
    assert (
        done.stdout.splitlines()
        == ["flows are compiled with networkx, which is not installed; run: pip install networkx"] * 3
    ), done.stderr
