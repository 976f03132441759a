"""How long steps took in earlier runs: the median of their successes, by steps, in the latest runs of one program."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select

from eventcore.record import schema as t
from eventcore.record.durations import RUNS, durations
from eventcore.record.rows import RunRow
from eventcore.record.store import Store, opened
from tests.eventcore.record.places import KINDS, Place, chained


@pytest.fixture(params=KINDS, scope="module")
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with more runs of one program than count, the last one numbered 12, and one of another."""
    with closing(opened(KINDS[request.param](tmp_path_factory.mktemp("durations")), "normal")) as found:
        place = Place(found)
        assert chained(place.program(run_id="r1"), int).run()
        known = found.connection.execute(select(t.runs)).one()._mapping
        for number in range(2, 14):
            name = "another" if number == 13 else known["program"]
            found.connection.execute(
                insert(t.runs).values({**known, "id": number, "run_id": f"r{number}", "program": name})
            )
        found.connection.commit()
        yield found


@given(
    st.lists(
        st.tuples(st.integers(1, 13), st.sampled_from(["success", "success", "failure", "skipped"]), st.integers(0, 9)),
        max_size=12,
    ),
    st.integers(1, 12),
)
def test_the_median_of_successes_in_the_latest_runs_up_to_this_one(
    store: Store, took: list[tuple[int, str, int]], run: int
) -> None:
    connection = store.connection
    connection.execute(delete(t.tasks))
    for number, (of, status, seconds) in enumerate(took):
        connection.execute(
            insert(t.tasks).values(
                {"run": of, "sequence": str(number), "step": f"s{number % 2}", "recovery": 0, "scope": "",
                 "status": status, "try": 1, "created": 5.0, "started": 100.0, "ended": 100.0 + seconds}
            )
        )  # fmt: skip
    program = connection.execute(select(t.runs.c.program).where(t.runs.c.id == run)).scalar_one()
    found = durations(connection, RunRow(run, f"r{run}", program, 0, None))
    expected = {}
    for step in ("s0", "s1"):
        counted = [
            seconds
            for number, (of, status, seconds) in enumerate(took)
            if f"s{number % 2}" == step and status == "success" and run - RUNS < of <= run
        ]
        if counted:
            expected[step] = statistics.median(counted)
    assert found == pytest.approx(expected)
