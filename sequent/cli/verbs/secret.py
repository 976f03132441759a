"""`sequent secret`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from sequent.cli.exit_codes import EXIT_NOTHING
from sequent.cli.options import files


@click.group("secret", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Keep the passwords of a config's databases encrypted.

    The keys are read from the environment variable EVENTCORE_SECRET_KEY, or from the file that
    EVENTCORE_SECRET_KEY_FILE names. There may be several, with blanks or commas between them: the first encrypts, each
    decrypts.

    \b
    sequent secret new-key --file ~/.flow.key
    export EVENTCORE_SECRET_KEY_FILE=~/.flow.key
    sequent secret encrypt       prints the line for the config
    """


@command.command("new-key")
@click.option("--file", "path", metavar="PATH", shell_complete=files,
              help="Write it to a new file that only you can read.")  # fmt: skip
def make_key(path: str | None) -> int:
    """Print a new key."""
    from eventcore.define.encrypted import new_key
    from sequent.cli.secret_files import write_new

    key = new_key()
    if path is None:
        click.echo(key)
        return 0
    write_new(Path(path).expanduser(), f"{key}\n")
    click.echo(f"wrote {path}")
    return 0


@command.command("encrypt", short_help="Encrypt a password for the config.")
def encrypt() -> int:
    """Encrypt a password, and print the line for the config.

    It is asked for without being shown, or read from standard input, the first line of it. It cannot stand on the
    command line, where everybody could see it.
    """
    from eventcore.define.encrypted import encrypted

    encrypted("")  # a key that is missing is told before anything is typed
    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, err=True)
    else:
        password = sys.stdin.readline().removesuffix("\n").removesuffix("\r")
    if not password:
        raise click.UsageError("there is no password on standard input; write it in the first line")
    click.echo(f"password: {{encrypted: {encrypted(password)}}}")
    return 0


@command.command("rotate", short_help="Encrypt the passwords in files anew.")
@click.argument("paths", metavar="FILE...", nargs=-1, required=True, shell_complete=files)
def rotate(paths: tuple[str, ...]) -> int:
    """Encrypt all encrypted passwords in YAML files anew, with the first key; everything else in them stays.

    To replace a key, put the new one before it, rotate, and then remove it. Where one password cannot be opened, no
    file is changed.
    """
    from sequent.cli.secret_files import replaced, rotated_text

    found = [(path, *rotated_text(Path(path))) for path in dict.fromkeys(paths)]
    for path, text, count in found:
        if count:
            replaced(Path(path), text)
        click.echo(f"{path}: {count or 'no'} encrypted password{'' if count == 1 else 's'}{' rotated' * bool(count)}")
    return 0 if any(count for *_, count in found) else EXIT_NOTHING
