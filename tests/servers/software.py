"""The database servers that tests run, as Debian's packages install them: where they are, and how one is set up."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

USER = "test"  #: who needs no password
GUARDED = "guarded"  #: who does
PASSWORD = "s3cret/p@ss:word"  #: that one's, which a URL has to quote
MANY = 300  #: connections, for many engines at once


class Software(ABC):
    """A kind of server. Its data folder is `data` in the folder given; what it says is in `log` there."""

    name: str
    commands: tuple[str, ...]  #: that it consists of

    @abstractmethod
    def command(self, name: str) -> str | None:
        """Where one of its commands is."""

    @abstractmethod
    def install(self, folder: Path) -> None:
        """Make the data folder, with the two users."""

    @abstractmethod
    def start(self, folder: Path, port: int, settings: Sequence[str]) -> list[str]:
        """The command that runs it on this machine's loopback."""

    @abstractmethod
    def is_ready(self, folder: Path) -> bool:
        """Whether it takes connections."""

    @abstractmethod
    def tidy(self, folder: Path) -> None:
        """Take away what a killed server leaves outside of its folder, and what says that it runs."""

    def there(self, name: str) -> str:
        """Where one of its commands surely is."""
        found = self.command(name)
        if found is None:
            raise FileNotFoundError(f"there is no {name}")
        return found


class PostgreSQL(Software):
    """As new as there is. Sorts like a language by default, as a server does that nobody has set up for us."""

    name = "postgresql"
    commands = ("initdb", "postgres")

    def command(self, name: str) -> str | None:
        installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
        return str(installed[-1]) if installed else shutil.which(name)

    def install(self, folder: Path) -> None:
        data = folder / "data"
        sorting = ["--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"]
        saving = ["--no-sync", "--no-instructions"]
        run([self.there("initdb"), "-D", str(data), "-U", USER, "-A", "trust", *sorting, *saving], folder)
        access = data / "pg_hba.conf"
        access.write_text(f"host all {GUARDED} 127.0.0.1/32 scram-sha-256\n" + access.read_text())
        single = [self.there("postgres"), "--single", "-D", str(data), "postgres"]
        run(single, folder, f"CREATE ROLE {GUARDED} SUPERUSER LOGIN PASSWORD '{PASSWORD}'\n")

    def start(self, folder: Path, port: int, settings: Sequence[str]) -> list[str]:
        # what is committed outlives the server, though not the machine
        ours = [f"port={port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={folder}", "fsync=off",
                "full_page_writes=off", f"max_connections={MANY}", "dynamic_shared_memory_type=mmap"]  # fmt: skip
        options = [option for setting in [*ours, *settings] for option in ("-c", setting)]
        return [self.there("postgres"), "-D", str(folder / "data"), *options]

    def is_ready(self, folder: Path) -> bool:
        return _words(folder / "data/postmaster.pid")[-1:] == ["ready"]

    def tidy(self, folder: Path) -> None:
        words = _words(folder / "data/postmaster.pid")
        if len(words) > 1 and words[-1] in {"ready", "starting"}:
            run(["ipcrm", "-m", words[-2]], folder)
        (folder / "data/postmaster.pid").unlink(missing_ok=True)


class MariaDB(Software):
    """With the defaults that it was built with, which are not ours: latin1, repeatable read."""

    name = "mariadb"
    commands = ("mariadbd", "mariadb-install-db")

    def command(self, name: str) -> str | None:
        return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")

    def install(self, folder: Path) -> None:
        run([self.there("mariadb-install-db"), *self._common(folder), "--skip-test-db", "--skip-name-resolve",
             "--auth-root-authentication-method=normal"], folder)  # fmt: skip
        lines = [f"CREATE USER IF NOT EXISTS {user}@'127.0.0.1' IDENTIFIED BY '{password}';\n"
                 f"GRANT ALL ON *.* TO {user}@'127.0.0.1' WITH GRANT OPTION;\n"
                 for user, password in ((USER, ""), (GUARDED, PASSWORD))]  # fmt: skip
        (folder / "users.sql").write_text("".join(lines))

    def start(self, folder: Path, port: int, settings: Sequence[str]) -> list[str]:
        ours = ["--bind-address=127.0.0.1", f"--port={port}", "--skip-name-resolve", f"--max-connections={MANY}",
                f"--init-file={folder / 'users.sql'}", "--pid-file=pid", "--socket=socket"]  # fmt: skip
        return [self.there("mariadbd"), *self._common(folder), *ours, *settings]

    def is_ready(self, folder: Path) -> bool:
        return b"ready for connections" in (folder / "log").read_bytes()

    def tidy(self, folder: Path) -> None:
        (folder / "data/pid").unlink(missing_ok=True)

    def _common(self, folder: Path) -> list[str]:
        # what is committed outlives the server, though not the machine
        return ["--no-defaults", f"--datadir={folder / 'data'}", "--basedir=/usr", "--debug-no-sync", "--sync-frm=0",
                "--innodb-flush-log-at-trx-commit=2", "--innodb-doublewrite=0", "--innodb-log-file-size=16M",
                "--innodb-buffer-pool-size=64M"]  # fmt: skip


SOFTWARE: dict[str, Software] = {kind.name: kind for kind in (PostgreSQL(), MariaDB())}


def run(command: Sequence[str], folder: Path, told: str = "") -> None:
    """Run a command to its end as an ordinary user."""
    user, group = ordinary()
    ended = subprocess.run(
        command, cwd=folder, env=environment(folder), input=told, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False, user=user, group=group,
    )  # fmt: skip
    if ended.returncode:
        raise RuntimeError(f"{Path(command[0]).name} ended with {ended.returncode}:\n{ended.stdout}")


def environment(folder: Path) -> dict[str, str]:
    """The environment of a server: nothing of the tests'."""
    return {"PATH": f"{os.defpath}:/usr/sbin:/sbin", "HOME": str(folder), "TMPDIR": str(folder), "LC_ALL": "C.UTF-8"}


def ordinary() -> tuple[int | None, int | None]:
    """The user and the group that a server has instead of root's, which both refuse."""
    if os.geteuid():
        return None, None
    user = pwd.getpwnam("nobody")
    return user.pw_uid, user.pw_gid


def _words(file: Path) -> list[str]:
    with suppress(FileNotFoundError):
        return file.read_text().split()
    return []
