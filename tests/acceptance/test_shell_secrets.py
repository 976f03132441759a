"""`sequent secret`: keys, encrypted passwords, and their rotation in files that stay as they were."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from eventcore.define import passwords
from sequent.cli.handed_over import handed_over, unseen
from tests.commands import COMMAND, run_sequent

CONFIG = """\
# the databases of production; keep this file\r
SEQUENT:
  max_concurrent: 4   # of the host
  DATABASE:
    live:   {dialect: postgresql, host: "db",  password: {encrypted: %s}}   # the same here
    spare:
      dialect: mariadb
      password:
        encrypted: "%s"
    other: &other {password: {encrypted: '%s'}}
    again: *other
    odd: {encrypted: true}
    plain: {password: no secret, host: gAAAAAB}
"""


def sequent(folder: Path, *arguments: str, key: str | None = None, told: str = "") -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EVENTCORE_SECRET")}
    if key is not None:
        environment["EVENTCORE_SECRET_KEY"] = key
    return run_sequent(folder, "secret", *arguments, environment=environment, told=told)


def new_key(folder: Path) -> str:
    return sequent(folder, "new-key").stdout.strip()


def encrypted(folder: Path, key: str, password: str = "p@ss: word # 1") -> str:
    done = sequent(folder, "encrypt", key=key, told=f"{password}\nmore\n")
    found = re.fullmatch(r"password: \{encrypted: (\S+)\}\n", done.stdout)
    assert found is not None and done.returncode == 0 and done.stderr == ""
    return found[1]


def opened(key: str, token: str) -> str:
    return Fernet(key).decrypt(token.encode()).decode()


def test_a_key_is_printed_or_written_for_its_user_alone_and_never_over_a_file(tmp_path: Path) -> None:
    assert len({new_key(tmp_path) for _ in range(3)}) == 3
    Fernet(new_key(tmp_path))
    done = sequent(tmp_path, "new-key", "--file", "key")
    assert done.stdout == "wrote key\n"
    written = (tmp_path / "key").read_text()
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600 and Fernet(written.strip())
    again = sequent(tmp_path, "new-key", "--file", "key")
    assert (again.returncode, again.stdout) == (2, "") and "key is there already" in again.stderr
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    assert sequent(tmp_path, "new-key", "--file", "link").returncode == 2
    assert not (tmp_path / "elsewhere").exists() and (tmp_path / "key").read_text() == written


def test_a_piped_password_is_encrypted_with_the_first_key(tmp_path: Path) -> None:
    first, second = new_key(tmp_path), new_key(tmp_path)
    assert opened(first, encrypted(tmp_path, f"{first},{second}")) == "p@ss: word # 1"


def test_a_typed_password_is_not_shown(tmp_path: Path) -> None:
    key = new_key(tmp_path)
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [COMMAND, "secret", "encrypt"], cwd=tmp_path, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, text=True,
        env={**os.environ, "EVENTCORE_SECRET_KEY": key}, start_new_session=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        shown = b""
        while not shown.endswith(b"Password: "):
            shown += os.read(ours, 1000)
        os.write(ours, b"typed-s3cret\n")
        line = process.communicate(timeout=300)[0]
    os.close(ours)
    assert b"s3cret" not in shown and "s3cret" not in line
    found = re.fullmatch(r"password: \{encrypted: (\S+)\}\n", line)
    assert found is not None and opened(key, found[1]) == "typed-s3cret"


@pytest.mark.parametrize("arguments", [("encrypt", "s3cret"), ("encrypt", "--password", "s3cret")])
def test_a_password_cannot_stand_on_the_command_line(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert sequent(tmp_path, *arguments, key=new_key(tmp_path)).returncode == 2


def test_nothing_to_encrypt_or_no_key_is_one_line(tmp_path: Path) -> None:
    done = sequent(tmp_path, "encrypt", key=new_key(tmp_path))
    assert done.returncode == 2 and done.stderr.startswith("sequent: there is no password on standard input")
    done = sequent(tmp_path, "encrypt", told="s3cret")
    assert done.returncode == 2 and "sequent secret new-key" in done.stderr and done.stderr.count("\n") == 1


def test_rotation_replaces_the_tokens_and_nothing_else(tmp_path: Path) -> None:
    old, new = new_key(tmp_path), new_key(tmp_path)
    tokens = [encrypted(tmp_path, old, password) for password in ("first", "second", "third")]
    (tmp_path / "real.yaml").write_bytes((CONFIG % tuple(tokens)).encode())
    (tmp_path / "real.yaml").chmod(0o640)
    (tmp_path / "config.yaml").symlink_to("real.yaml")
    (tmp_path / "none.yaml").write_text("a: 1\n")
    done = sequent(tmp_path, "rotate", "config.yaml", "none.yaml", key=f"{new} {old}")
    assert done.stdout == "config.yaml: 3 encrypted passwords rotated\nnone.yaml: no encrypted passwords\n"
    assert done.returncode == 0
    after = (tmp_path / "real.yaml").read_bytes().decode()
    found = re.findall(r"gAAAA[\w=-]{20,}", after)
    assert [opened(new, token) for token in found] == ["first", "second", "third"]
    assert after == CONFIG % tuple(found) and not set(found) & set(tokens)
    assert (tmp_path / "real.yaml").stat().st_mode & 0o777 == 0o640 and (tmp_path / "config.yaml").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.yaml", "none.yaml", "real.yaml"]
    assert sequent(tmp_path, "rotate", "none.yaml", key=new).returncode == 3


def test_where_one_password_cannot_be_opened_no_file_is_changed(tmp_path: Path) -> None:
    old, new = new_key(tmp_path), new_key(tmp_path)
    good = f"password: {{encrypted: {encrypted(tmp_path, old)}}}\n"
    (tmp_path / "good.yaml").write_text(good)
    (tmp_path / "bad.yaml").write_text(f"a:\n  password: {{encrypted: {encrypted(tmp_path, new_key(tmp_path))}}}\n")
    done = sequent(tmp_path, "rotate", "good.yaml", "bad.yaml", key=f"{new},{old}")
    assert done.returncode == 2 and done.stderr.startswith(
        "sequent: bad.yaml, line 2: the encrypted password cannot be"
    )
    assert (tmp_path / "good.yaml").read_text() == good


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [s3cret\n", "is not YAML: see line"),
        ("password:\n  encrypted: >\n    gAAA\n    AAA\n", "over several lines"),
    ],
)
def test_a_file_that_cannot_be_rotated_is_one_line(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    done = sequent(tmp_path, "rotate", "config.yaml", key=new_key(tmp_path))
    assert done.returncode == 2 and says in done.stderr and "s3cret" not in done.stderr
    assert (tmp_path / "config.yaml").read_text() == text
    assert sequent(tmp_path, "rotate", "nowhere.yaml").returncode == 2


def test_a_command_that_is_called_from_python_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_known", {})
    monkeypatch.setattr(os, "execve", None)
    url = "postgresql://flow:s3cret@db/flows"
    assert unseen(url) == "postgresql://flow@db/flows"
    with handed_over("postgresql://flow@db/flows") as (environment, inherited):
        assert "s3cret" not in str(environment) and len(inherited) == 1
    with handed_over("flow.run.db") as (environment, inherited):
        assert environment == dict(os.environ) and inherited == ()


def test_shells_complete_its_commands(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "_SEQUENT_COMPLETE": "bash_complete",
        "COMP_WORDS": "sequent secret r",
        "COMP_CWORD": "2",
    }
    done = subprocess.run([COMMAND], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["plain,rotate"]
