"""Raw programs that change while a run has something left to do: what continuing makes of events come and gone."""

from __future__ import annotations

from pathlib import Path

import eventcore as evr
from tests.support import eventor, rows, start

CONTINUE, RECOVER = evr.RunMode.continue_, evr.RunMode.recover


def program(store: Path, mode: evr.RunMode, ran: list[str], *, news: bool) -> evr.Eventor:
    """A step that raises `news`, which perhaps has a reader, and another long after it: each run leaves that one."""
    ev = eventor(store, mode)
    done = ev.add_event("done")
    ev.add_assoc(done, ev.add_step("late", ran.append, ("late",)), delay=1000)
    if news:
        ev.add_assoc(ev.add_event("news"), ev.add_step("reader", ran.append, ("reader",)))

    def raises() -> None:
        ran.append("raises")
        evr.current().trigger("news")

    start(ev, ev.add_step("raises", raises, triggers={evr.STEP_COMPLETE: (done,)}))
    return ev


def test_an_event_that_is_gone_leaves_the_rest_of_its_run_to_be_continued(tmp_path: Path) -> None:
    store, ran = tmp_path / "run.db", list[str]()
    assert program(store, evr.RunMode.restart, ran, news=True).run(max_loops=1)
    changed = program(store, CONTINUE, ran, news=False)
    assert changed.run(max_loops=1, accept_removed=True)
    assert ran == ["raises", "reader"]
    assert changed.count_todos()[0] == 1


def test_an_event_that_comes_back_is_triggered_by_the_step_that_raised_it(tmp_path: Path) -> None:
    store, ran = tmp_path / "run.db", list[str]()
    assert program(store, evr.RunMode.restart, ran, news=True).run(max_loops=1)
    assert program(store, RECOVER, ran, news=False).run(max_loops=1, accept_removed=True)
    facts = "select recovery from {facts} where event = 'news'"
    assert rows(store, facts) == [(0,)]
    assert program(store, CONTINUE, ran, news=True).run(max_loops=1)
    assert rows(store, facts) == [(0,), (1,)]
    assert ran == ["raises", "reader"]
