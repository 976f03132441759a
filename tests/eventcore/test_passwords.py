"""Passwords of stores: where they come from, and that nothing that is shown has one."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from eventcore.act.lender import Lender
from eventcore.define import passwords
from eventcore.define.config import load_config
from eventcore.define.encrypted import KEY_FILE_VARIABLE, KEY_VARIABLE, decrypted, encrypted, new_key, rotated
from eventcore.define.error_text import error_text
from eventcore.define.passwords import connectable, masked, shown, tag_of, withheld
from eventcore.errors import ConfigError
from eventcore.record.location import store_location
from eventcore.run.next_action import reference

PASSWORD = "s3cret/p@ss w%rd"
QUOTED = "s3cret%2Fp%40ss%20w%25rd"
URL = "postgresql://flow@db:5432/flows"
SERVER: dict[str, Any] = {
    "dialect": "postgresql", "username": "flow", "host": "db", "port": 5432, "database": "flows"
}  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that has just begun."""
    for name in (KEY_VARIABLE, KEY_FILE_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(passwords, "_known", {})
    monkeypatch.setattr(passwords, "_tags", {})


def located(**entry: Any) -> str:
    """The store of a database that the configuration has."""
    return store_location("live", {"live": {**SERVER, **entry}}, None)


def private(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    ("location", "without"),
    [
        ("postgresql://flow:s3cret@db:5432/flows", "postgresql://flow@db:5432/flows"),
        (f"postgresql+psycopg://flow:{QUOTED}@db/flows?sslmode=require", "postgresql+psycopg://flow@db/flows?sslmode=require"),
        ("postgresql://flow:s3cret@[::1]:5432/flows", "postgresql://flow@[::1]:5432/flows"),
        ("postgresql://:s3cret@db/flows", "postgresql://@db/flows"),
        ("postgresql://flow:s3@cret@db/flows", "postgresql://flow@db/flows"),
        ("postgresql://flow:s3/cret word@db/flows", "postgresql://flow@db/flows"),
        ("postgresql://flow:s3cret@one:1,two:2/flows@home", "postgresql://flow@one:1,two:2/flows@home"),
        ("postgresql:///flows?host=/run&password=s3cret&user=flow", "postgresql:///flows?host=/run&user=flow"),
        ("postgresql://flow@db/flows?sslpassword=s3cret", "postgresql://flow@db/flows"),
        ("postgresql://flow:s3@db/flows?PassWord=cret&sslmode=require", "postgresql://flow@db/flows?sslmode=require"),
        ("mysql://flow@db/flows?pass%77d=s3cret&charset=utf8mb4", "mysql://flow@db/flows?charset=utf8mb4"),
    ],
)  # fmt: skip
def test_a_url_is_shown_without_its_passwords(location: str, without: str) -> None:
    assert shown(location) == without == shown(without)


@pytest.mark.parametrize(
    "location",
    ["runs/a:b@c.db", "sqlite:///a:b@c.db", ":memory:", URL, "postgresql:///flows?host=/run&user=flow&passfile=~/.pass",
     "postgresql://[::1]:5432/flows", "postgresql://db/flows?application_name=a:b@c"],
)  # fmt: skip
def test_a_location_without_a_password_is_shown_as_it_is(location: str) -> None:
    assert shown(location) == withheld(location) == connectable(location) == location


def test_a_withheld_password_is_known_to_who_connects_in_this_process() -> None:
    location = f"postgresql://flow:{QUOTED}@db:5432/flows"
    assert connectable(URL) == URL
    assert withheld(location) == URL
    assert connectable(URL) == location
    withheld("postgresql://flow:another@db:5432/flows")
    assert connectable(URL) == "postgresql://flow:another@db:5432/flows"


def test_texts_of_any_kind_are_masked() -> None:
    withheld("postgresql://flow:s3 cret@db/flows")
    text = (
        "could not parse 'postgresql://flow:s3 cret@db/flows', postgresql://a:s3cret@db, http://host:80/?mail=a@b.c, "
        "x?sslpassword=s3cret&y=1"
    )
    assert masked(text) == (
        "could not parse 'postgresql://flow@db/flows', postgresql://a:***@db, http://host:80/?mail=a@b.c, "
        "x?sslpassword=***&y=1"
    )
    assert "s3cret" not in error_text(ValueError("postgresql://flow:s3cret@db/flows is down"))


def test_a_database_of_the_configuration_has_its_password_as_text() -> None:
    assert located(password=PASSWORD) == URL
    assert connectable(URL) == f"postgresql://flow:{QUOTED}@db:5432/flows"
    assert (
        located(query={"sslmode": "require", "application_name": "a b"})
        == f"{URL}?sslmode=require&application_name=a%20b"
    )


def test_a_variable_that_is_not_set_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOW_PASSWORD", PASSWORD)
    located(password="${FLOW_PASSWORD}")
    assert QUOTED in connectable(URL)
    monkeypatch.delenv("FLOW_PASSWORD")
    with pytest.raises(
        ConfigError, match=r"^DATABASE: live: password: the environment variable FLOW_PASSWORD is not set"
    ):
        located(password="${FLOW_PASSWORD}")


@pytest.mark.parametrize("text", [PASSWORD, f"{PASSWORD}\n", f"{PASSWORD}\r\nand more\n"])
def test_a_password_file_has_it_in_its_first_line(tmp_path: Path, text: str) -> None:
    assert located(password_file=str(private(tmp_path / "password", text))) == URL
    assert connectable(URL) == f"postgresql://flow:{QUOTED}@db:5432/flows"


def test_a_relative_password_file_is_beside_the_config_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "conf").mkdir()
    private(tmp_path / "conf" / "password", "of the file")
    private(tmp_path / "password", "of the folder")
    config = tmp_path / "conf" / "config.yaml"
    config.write_text("DATABASE: {live: {dialect: postgresql, host: db, username: flow, password_file: password}}\n")
    monkeypatch.chdir(tmp_path)
    store_location("live", load_config("conf/config.yaml", {}).DATABASE, None)
    assert "of%20the%20file" in connectable("postgresql://flow@db/")
    located(password_file="password")
    assert "of%20the%20folder" in connectable(URL)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_password_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    file = private(tmp_path / "password", PASSWORD)
    file.chmod(mode)
    with pytest.raises(
        ConfigError, match=f"live: the password file {file} can be read by others; run: chmod 600 {file}$"
    ):
        located(password_file=str(file))


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"password_file": "/nowhere/password"}, "password file /nowhere/password cannot be read: No such file"),
        ({"password_file": "x", "password": "y"}, "password and password_file"),
        ({"password_file": 7}, "password_file must be the path"),
        ({"password": 1234}, "must be text, not a number; write it in quotes"),
        ({"password": [PASSWORD]}, "must be text, not a list"),
        ({"password": {"crypted": PASSWORD}}, "must be text, or {encrypted: ...}"),
        ({"query": PASSWORD}, "query must be a mapping"),
    ],
)
def test_what_is_no_password_is_refused_without_being_said(entry: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        located(**entry)
    assert says in str(caught.value) and "DATABASE: live" in str(caught.value)
    assert PASSWORD not in str(caught.value) and "1234" not in str(caught.value) and "\n" not in str(caught.value)


def test_an_empty_password_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the first line of .* is empty"):
        located(password_file=str(private(tmp_path / "password", "\nx")))


def test_a_database_that_is_none_is_refused_without_being_said() -> None:
    with pytest.raises(ConfigError, match=r"not a list$"):
        store_location("live", {"live": [f"postgresql://flow:{PASSWORD}@db"]}, None)


@pytest.mark.parametrize("line", ["*s3cret", "!s3cret x", "'s3cret", "%s3cret", "[s3cret", "s3cret: x: y"])
def test_a_line_that_is_not_yaml_is_told_by_its_number(tmp_path: Path, line: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f"DATABASE:\n  live:\n    password: {line}\n")
    with pytest.raises(ConfigError, match=r"is not YAML: .*\(line \d") as caught:
        load_config(file, {})
    assert "s3cret" not in str(caught.value)


def test_a_configuration_shows_the_tags_of_its_databases_alone() -> None:
    config = load_config({"DATABASE": {"live": {**SERVER, "password": "s3cret"}}, "retries": 3}, {})
    assert "s3cret" not in repr(config) and "DATABASE=['live']" in repr(config) and "retries=3" in repr(config)


# encrypted


def test_an_encrypted_password_is_opened_with_any_of_the_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old, new = new_key(), new_key()
    monkeypatch.setenv(KEY_VARIABLE, old)
    token = encrypted(PASSWORD)
    for keys in (f"{new} {old}", f"{new},{old}", f"{new},\n{old}\n"):
        monkeypatch.setenv(KEY_VARIABLE, keys)
        assert located(password={"encrypted": token}) == URL
        assert connectable(URL) == f"postgresql://flow:{QUOTED}@db:5432/flows"
    assert Fernet(new).decrypt(rotated(token, "here").encode()).decode() == PASSWORD
    monkeypatch.delenv(KEY_VARIABLE)
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(private(tmp_path / "key", f"{old}\n")))
    assert decrypted(token, "here") == PASSWORD


def wrong_key(_: str, keys: pytest.MonkeyPatch) -> str:
    keys.setenv(KEY_VARIABLE, new_key())
    return "cannot be opened: the key in EVENTCORE_SECRET_KEY is not the one"


def no_key(_: str, keys: pytest.MonkeyPatch) -> str:
    keys.delenv(KEY_VARIABLE)
    return "there is no key for encrypted passwords; make one with `sequent secret new-key"


def odd_key(key: str, keys: pytest.MonkeyPatch) -> str:
    keys.setenv(KEY_VARIABLE, f"{key} abc")
    return "key 2 of 2 in EVENTCORE_SECRET_KEY is not a key"


def missing_file(_: str, keys: pytest.MonkeyPatch) -> str:
    keys.delenv(KEY_VARIABLE)
    keys.setenv(KEY_FILE_VARIABLE, "/nowhere/key")
    return "the key file /nowhere/key cannot be read: No such file"


def no_cryptography(_: str, keys: pytest.MonkeyPatch) -> str:
    keys.setitem(sys.modules, "cryptography", None)
    keys.setitem(sys.modules, "cryptography.fernet", None)
    return "run: pip install 'sequent-flow[secrets]'"


@pytest.mark.parametrize("damage", [wrong_key, no_key, odd_key, missing_file, no_cryptography])
def test_a_password_that_cannot_be_opened_is_one_clear_line(monkeypatch: pytest.MonkeyPatch, damage: Any) -> None:
    key = new_key()
    monkeypatch.setenv(KEY_VARIABLE, key)
    token = encrypted(PASSWORD)
    says = damage(key, monkeypatch)
    with pytest.raises(ConfigError) as caught:
        located(password={"encrypted": token})
    line = str(caught.value)
    assert line.startswith("DATABASE: live") and says in line and "\n" not in line
    assert not any(secret in line for secret in (key, token, PASSWORD, "InvalidToken"))


@pytest.mark.parametrize("damage", ["gAAAAA", "", "gAAAAA\u00e4", "x" * 100, None, 7])
def test_a_damaged_token_is_one_clear_line(monkeypatch: pytest.MonkeyPatch, damage: Any) -> None:
    monkeypatch.setenv(KEY_VARIABLE, new_key())
    with pytest.raises(ConfigError, match=r"^DATABASE: live: the encrypted password .*damaged"):
        located(password={"encrypted": damage})


# other processes


ASK = """
import sys
from eventcore.act.lender import borrow
from eventcore.define.passwords import connectable
borrow(*sys.argv[1:])
print(connectable(sys.argv[1]))
"""


def asked(location: str, address: str) -> str:
    """What another process knows of a location that has asked a lender."""
    told = subprocess.run([sys.executable, "-c", ASK, location, address], capture_output=True, text=True, check=True)
    return told.stdout.strip()


def test_a_lender_tells_the_password_to_its_users_processes_until_it_is_closed() -> None:
    location = f"postgresql://flow:{QUOTED}@db:5432/flows"
    with closing(Lender(withheld(location))) as lender:
        address = lender.address()
        assert Path(address).parent.stat().st_mode & 0o777 == 0o700
        assert lender.address() == address
        assert asked(URL, address) == location
        assert asked("postgresql://flow@elsewhere/flows", address) == "postgresql://flow@elsewhere/flows"
    assert not Path(address).parent.exists()
    assert asked(URL, address) == URL
    assert lender.address() == ""


def test_a_store_without_a_password_has_nothing_to_lend() -> None:
    for location in ("", "flow.run.db", URL):
        with closing(Lender(location)) as lender:
            assert lender.address() == ""


def test_commands_name_a_configured_store_by_its_tag_and_others_without_their_password() -> None:
    located(password=PASSWORD)
    assert tag_of(URL) == "live"
    assert reference(URL, "run 1", "flow.py:nightly") == "flow.py:nightly --store live --run-id 'run 1'"
    assert reference(URL, "1") == f"{URL} --run-id 1"
    other = withheld("postgresql://flow:s3cret@other/flows")
    assert reference(other, "1", "flow.py") == "postgresql://flow@other/flows --run-id 1"
