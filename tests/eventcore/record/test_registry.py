"""Which backend serves a location, and that a new one is one new file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from eventcore.errors import StoreError
from eventcore.record import backends, registry
from eventcore.record.registry import backend_of
from eventcore.record.store import opened


@pytest.mark.parametrize(
    ("location", "kind", "file"),
    [
        ("runs.db", "SqliteFile", "runs.db"),
        ("/a/b c%20.db", "SqliteFile", "/a/b c%20.db"),
        ("sqlite:///runs.db", "SqliteFile", "runs.db"),
        ("sqlite+pysqlite:////a/runs.db", "SqliteFile", "/a/runs.db"),
        (":memory:", "SqliteMemory", None),
        ("sqlite://", "SqliteMemory", None),
        ("sqlite:///:memory:", "SqliteMemory", None),
    ],
)
def test_a_locations_scheme_finds_its_backend(location: str, kind: str, file: str | None) -> None:
    backend = backend_of(location)
    assert type(backend).__name__ == kind
    assert backend.file == (None if file is None else Path(file))


@pytest.mark.parametrize("location", ["oracle://me:secret@host/db", "Oracle+cx://me:secret@host/db"])
def test_a_scheme_that_no_backend_serves_is_one_clear_error(location: str) -> None:
    with pytest.raises(StoreError, match=r"unknown kind of database 'oracle'.*sqlite://") as refused:
        backend_of(location)
    assert "secret" not in str(refused.value)


TOY = """\
from eventcore.record.backends.sqlite import SqliteFile

class Toy(SqliteFile):
    schemes = ("toy", "doll")
"""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "toy.py").write_text(TOY)
    monkeypatch.setattr(backends, "__path__", [*backends.__path__, str(tmp_path / "more")])
    registry.backends.cache_clear()
    yield
    registry.backends.cache_clear()


@pytest.mark.parametrize("scheme", ["toy", "toy+driver", "doll"])
@pytest.mark.usefixtures("toy")
def test_a_new_file_is_a_new_backend(tmp_path: Path, scheme: str) -> None:
    with closing(opened(f"{scheme}:///{tmp_path}/runs.db")) as store:
        assert type(store.backend).__name__ == "Toy"
    assert (tmp_path / "runs.db").exists()
    assert type(backend_of("runs.db")).__name__ == "SqliteFile"
