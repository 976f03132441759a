"""dbt: models with tests between them, tests that only warn, and a retry of what failed and what was skipped."""

from __future__ import annotations

from pathlib import Path

import sequent as seq
from tests.foreign.runs import run

OK, OVER = seq.STEP_SUCCESS, seq.STEP_OVER


def unique(table: Path) -> None:
    lines = table.read_text().split()
    assert len(set(lines)) == len(lines), f"{table.name} is not unique"


def no_blanks(table: Path) -> None:
    assert "-" not in table.read_text(), f"{table.name} has blanks"


def project(flow: seq.Sequent, orders: Path, clients: Path) -> None:
    """Two staged tables, each with its tests; a mart behind both, and an export behind one."""
    staged = flow.add_step("stg_orders", orders.exists)
    orders_ok = flow.add_step("unique_orders", unique, args=(orders,), require=((staged, OK),))
    warned = flow.add_step("blanks", no_blanks, args=(orders,), require=((staged, OK),), config={"allow_failure": True})
    people = flow.add_step("stg_clients", clients.exists)
    clients_ok = flow.add_step("unique_clients", unique, args=(clients,), require=((people, OK),))
    tested = ((orders_ok, OK), (warned, OVER), (clients_ok, OK))
    flow.add_step("mart", lambda: orders.read_text() + clients.read_text(), require=tested)
    flow.add_step("export", clients.read_text, require=((clients_ok, OK),))


def test_a_failed_test_skips_what_is_downstream_and_a_retry_does_that_and_no_more(tmp_path: Path) -> None:
    orders, clients, store = tmp_path / "orders", tmp_path / "clients", tmp_path / "run.db"
    orders.write_text("a a -")
    clients.write_text("x y")
    ran = run(project, orders, clients, store=store, stop_on_exception=False)
    assert not ran.ok
    assert set(ran.errors) == {"unique_orders@1", "blanks@1"}
    assert "export@1" in ran.order
    assert "mart@1" not in ran.order
    orders.write_text("a b -")
    ran = run(project, orders, clients, store=store, again=True, stop_on_exception=False)
    assert ran.ok
    assert set(ran.errors) == {"blanks@1"}
    assert sorted(ran.order) == ["blanks@1", "mart@1", "unique_orders@1"]
