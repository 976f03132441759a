"""One place advises on a run: the shell, the report, the page and `why` say the same."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from msgspec.structs import replace

import eventcore as evr
from eventcore.define.status import Verdict
from eventcore.record.reading import reading
from eventcore.record.views import RunView
from eventcore.run.next_action import next_action
from sequent.cli.summary import tell_end
from tests.support import boom, eventor, flow, start
from visual.reasons import Known, explanations
from visual.report.build import report_data

RUN = RunView(1, "a run", "p", None, 0, 0.0, 0.0, None, Verdict.running, False, None, 2, None, [], [])


@pytest.mark.parametrize(("run", "said"), [
    (replace(RUN, verdict=Verdict.success), None),
    (replace(RUN, verdict=Verdict.success, is_paused=True), None),
    (replace(RUN, is_held=True), None),
    (replace(RUN, is_held=True, is_paused=True), "nothing new starts until it is resumed; to continue, run: {resume}"),
    (RUN, "its engine is gone; to continue, run: {continue}"),
    (replace(RUN, is_paused=True),
     "nothing new starts until it is resumed; to continue, run: {resume}, then {continue}"),
    (replace(RUN, verdict=Verdict.pending), "2 outstanding; to continue, run: {continue}"),
    (replace(RUN, verdict=Verdict.pending, is_paused=True),
     "nothing new starts until it is resumed; to continue, run: {resume}, then {continue}"),
    (replace(RUN, verdict=Verdict.submitted, is_submitted=True),
     "it waits for an engine; to begin it here instead, run: {continue}"),
    (replace(RUN, verdict=Verdict.submitted, is_submitted=True, is_paused=True),
     "nothing new starts until it is resumed; to continue, run: {resume}"),
    (replace(RUN, is_submitted=True), "it waits for another engine; to continue it here instead, run: {continue}"),
    (replace(RUN, verdict=Verdict.pending, is_submitted=True),
     "it waits for another engine; to continue it here instead, run: {continue}"),
    (replace(RUN, is_cancelling=True), "it is to be cancelled; to have it clean up, run: {continue}"),
    (replace(RUN, verdict=Verdict.pending, is_cancelling=True, is_paused=True),
     "it is to be cancelled; to have it clean up, run: {continue}"),
    (replace(RUN, is_held=True, is_cancelling=True, is_paused=True), None),
    (replace(RUN, verdict=Verdict.failure), "fix the problem, then run: {recover}"),
    (replace(RUN, verdict=Verdict.cancelled), "to run the rest, run: {recover}"),
    (replace(RUN, verdict=Verdict.cancelled, is_paused=True), "to run the rest, run: {resume}, then {recover}"),
    (replace(RUN, verdict=Verdict.stalled),
     "a task waits for something that can no longer happen; correct the program, then run: {recover}"),
])  # fmt: skip
def test_each_state_has_its_advice(run: RunView, said: str | None) -> None:
    verbs = {verb: f"sequent {verb} 'my store.db' --run-id 'a run'" for verb in ("resume", "recover", "continue")}
    action = next_action(run, "my store.db")
    assert (None if action is None else str(action)) == (None if said is None else said.format(**verbs))


def test_a_run_of_a_notebook_goes_on_there() -> None:
    failed = replace(RUN, verdict=Verdict.failure, is_paused=True)
    there = "flow.run(run_mode='recover', run_id='a run')"
    for source, where in (('{"notebook": "/home/me/analysis.ipynb"}', " in analysis.ipynb"), ('{"notebook": ""}', "")):
        said = str(next_action(replace(failed, source=source), "store.db"))
        assert said == f"fix the problem, then run{where}: sequent resume store.db --run-id 'a run', then {there}"


def failed(store: Path) -> evr.Eventor:
    program = eventor(store, logging_level="CRITICAL")
    start(program, program.add_step("step", boom))
    return program


def delayed(store: Path) -> evr.Eventor:
    program = eventor(store)
    program.add_assoc(start(program, program.add_step("first", str)), program.add_step("step", str), delay=100_000)
    return program


@pytest.mark.parametrize("build", [failed, delayed])
def test_the_shell_and_the_report_advise_alike(
    build: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = str(tmp_path / "s.db")
    assert callable(build)
    build(tmp_path / "s.db").run(max_loops=1)
    with reading(store) as reader:
        run = reader.run(None, time.time())
        data = report_data(reader, run, time.time())[0]["run"]
        why = explanations(Known(reader, run, time.time()), "step", None)
    tell_end(store, None)
    advice = f"{data['advice']}: {', then '.join(data['commands'])}"
    assert capsys.readouterr().out.splitlines()[-1] == advice
    if build is delayed:
        assert advice in " ".join(reason.text for one in why for reason in one.reasons)


def test_a_run_that_succeeded_needs_no_advice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = flow(tmp_path / "s.db")
    program.add_step("a", str)
    program.run()
    tell_end(str(tmp_path / "s.db"), None)
    assert capsys.readouterr().out.endswith(": success\n")
