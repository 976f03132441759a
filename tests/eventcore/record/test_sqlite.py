"""What only SQLite asks for."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import event

from eventcore.record.database import open_database, transaction
from tests.support import run_script

WATCHED = """\
    import sys
    import eventcore as evr
    from eventcore.record.reading import reading
    from eventcore.record.registry import backend_of

    opened = []

    def watch(event, arguments):
        if event == "open" and "runs.db" in str(arguments[0]) and "results" not in str(arguments[0]):
            opened.append(str(arguments[0]))

    sys.addaudithook(watch)

    def look():
        backend = backend_of("runs.db")
        assert backend.stamp()
        with reading("runs.db") as reader:
            assert reader.runs(0.0)
        return "x" * 100

    program = evr.Eventor("watched", "runs.db", config={"task_construct": "invoke", "max_result_size": 10})
    program.add_assoc(program.add_event("go"), program.add_step("look", look))
    program.trigger_event("go", 1)
    assert program.run()
    open("runs.db").close()
    print(len(opened), *opened)
"""


def test_no_file_of_a_store_is_opened_past_sqlite(tmp_path: Path) -> None:
    """Closing such a file would drop the locks that the process has on the database."""
    done = run_script(WATCHED, tmp_path)
    assert done.stdout.split() == ["1", "runs.db"], done.stderr


def test_an_interrupt_inside_a_statement_is_raised_as_such(tmp_path: Path) -> None:
    database = open_database(str(tmp_path / "run.db"))

    def execute(_: object, statement: str, *__: object) -> None:
        if statement == "select 1":
            raise KeyboardInterrupt

    event.listen(database, "do_execute", execute)
    with database.connect() as connection, pytest.raises(KeyboardInterrupt), transaction(connection):
        connection.exec_driver_sql("select 1")
    database.dispose()
