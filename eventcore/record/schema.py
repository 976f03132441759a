"""The tables. Every identity of the design is a primary or unique key here.

Times are UTC in seconds since 1970; values are tagged JSON (see `eventcore.define.values`).

A server keeps an index row only up to a size, so the texts of its keys have limits, which SQLite does not need. They
are compared byte by byte, with case and trailing blanks. SQLAlchemy's plain types would do none of it: MariaDB's FLOAT
is off by minutes for a time of today, and its TEXT ends at 64 KB.
"""

from sqlalchemy import (
    Boolean,
    Column,
    Double,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeEngine

PREFIX = "eventcore_"
VERSION = 5

LONGEST_NAME = 240  #: characters of the name of a step, an event or a scope on a server
LONGEST_SEQUENCE = 160  #: of a sequence there
LONGEST_IDENTITY = 190  #: of the id of a run, and of the names of programs, users and hosts there
UNLIMITED = 2**32 - 1  #: makes MariaDB choose its longest kind of text

MARIADB = ("mysql", "mariadb")  #: the dialects of MariaDB

metadata = MetaData()


def _limited(length: int) -> TypeEngine[str]:
    """Text that can be a key on servers, too."""
    return Text().with_variant(String(length, collation="C"), "postgresql").with_variant(String(length), *MARIADB)


Name = _limited(LONGEST_NAME)
Sequence = _limited(LONGEST_SEQUENCE)
Identity = _limited(LONGEST_IDENTITY)
Word = _limited(32)
Long = Text().with_variant(Text(UNLIMITED), *MARIADB)
Time = Float().with_variant(Double(), *MARIADB)
Content = LargeBinary().with_variant(LargeBinary(UNLIMITED), *MARIADB)


def _table(name: str, *columns: Column[object] | Index | UniqueConstraint, rowid: bool = False) -> Table:
    table = Table(PREFIX + name, metadata, *columns, sqlite_with_rowid=rowid)
    for constraint in table.foreign_key_constraints:
        if "run" in constraint.column_keys:  # on servers it would cost a fifth of a turn, whose fence sees to it, too
            constraint.ddl_if(dialect="sqlite")
    return table


def _run() -> Column[object]:
    return Column("run", Integer, ForeignKey(f"{PREFIX}runs.id", ondelete="CASCADE"), primary_key=True)


schema_version = _table("schema_version", Column("version", Integer, primary_key=True, autoincrement=False))

#: what runs execute, as data; one row for each different program
programs = _table(
    "programs",
    Column("id", Integer, primary_key=True),
    Column("digest", Identity, nullable=False, unique=True),
    Column("document", Long, nullable=False),
    rowid=True,
)

#: one row for each run, with its lease: the engine that works on it, and its last heartbeat
runs = _table(
    "runs",
    Column("id", Integer, primary_key=True),
    Column("run_id", Identity, nullable=False, unique=True),
    Column("program", Identity, nullable=False),
    Column("source", Long),
    Column("user", Identity, nullable=False),
    Column("host", Identity, nullable=False),
    Column("recovery", Integer, nullable=False),
    Column("created", Time, nullable=False),
    Column("holder", Identity),
    Column("holder_host", Identity),
    Column("holder_pid", Integer),
    Column("holder_started", Identity),
    Column("heartbeat", Time),
    Column("lease_term", Time),
    Column("wake", Integer),  # the loopback port at which the holder hears that there is a request
    Column("holder_boot", Identity),  # the start of the holder's machine
    Column("holder_namespace", Identity),  # in which the holder's process has its number
    Column("heartbeat_since_boot", Time),  # seconds, by a clock that nobody sets
    Column("turn", Integer, nullable=False, server_default=text("0")),  # counts leases, and on servers turns
    Column("submitted", Boolean),  # engines begin it, and adopt it where another one has left it
    rowid=True,
)

#: one row for each start and each recovery of a run
recoveries = _table(
    "recoveries",
    _run(),
    Column("recovery", Integer, primary_key=True),
    Column("program_id", Integer, ForeignKey(f"{PREFIX}programs.id"), nullable=False),
    Column("mixed", Boolean, nullable=False, default=False),  # it began with another program than `program_id`
    Column("looks_back_to", Integer, nullable=False),  # the latest earlier recovery that counts as history; -1: none
    Column("rerun", Long),  # what is to run again although it succeeded, as JSON
    Column("started", Time, nullable=False),
    Column("ended", Time),
    Column("verdict", Word, nullable=False),
    Column("report", Long),
    Index(f"{PREFIX}recoveries_by_verdict", "verdict"),  # by which engines find what is left to do
)

#: the engines that work off submitted runs; their columns are those of a lease
engines = _table(
    "engines",
    Column("holder", Identity, primary_key=True),
    Column("holder_host", Identity, nullable=False),
    Column("holder_pid", Integer, nullable=False),
    Column("holder_started", Identity, nullable=False),
    Column("holder_boot", Identity),
    Column("holder_namespace", Identity),
    Column("heartbeat", Time, nullable=False),
    Column("heartbeat_since_boot", Time),
    Column("lease_term", Time, nullable=False),
    Column("wake", Integer, nullable=False),
    Column("user", Identity, nullable=False),
    Column("started", Time, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("programs", Long),  # the names of those that it works off, as a JSON list; null: all
)

#: what users asked of a run, by whom and when; an engine answers a request in the commit that has its effect
requests = _table(
    "requests",
    Column("id", Integer, primary_key=True),
    Column("run", Integer, ForeignKey(f"{PREFIX}runs.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("verb", Word, nullable=False),
    Column("argument", Long, nullable=False),
    Column("asked_by", Identity, nullable=False),
    Column("asked_at", Time, nullable=False),
    Column("status", Word, nullable=False),  # see RequestStatus
    Column("reason", Long),  # why it was refused
    Column("answered_at", Time),
    Column("recovery", Integer),  # the recovery that carries a rerun out
    rowid=True,
)

#: the public events that were triggered; internal ones are not kept
facts = _table(
    "facts",
    _run(),
    Column("sequence", Sequence, primary_key=True),
    Column("event", Name, primary_key=True),
    Column("recovery", Integer, primary_key=True),
    Column("scope", Name, nullable=False),
    Column("at", Time, nullable=False),
    Column("value", Long),  # of an event that was emitted in the middle of a step
)

tasks = _table(
    "tasks",
    _run(),
    Column("sequence", Sequence, primary_key=True),
    Column("step", Name, primary_key=True),
    Column("recovery", Integer, primary_key=True),
    Column("scope", Name, nullable=False),
    Column("status", Word, nullable=False),
    Column("try", Integer, nullable=False),
    Column("due", Time),
    Column("created", Time),
    Column("started", Time),
    Column("ended", Time),
    Column("raised", Long),  # the events that its function raised, as a JSON list of names and sequences
    Column("clean", Boolean),  # of a container: whether everything inside succeeded
    Column("deadline", Time),  # when it fails unless it is over
    Column("ticket", Identity),  # of a deferred task: the digest of its ticket, or "signal"
)

#: one row for each iteration of a container that was walked
iterations = _table(
    "iterations",
    _run(),
    Column("sequence", Sequence, primary_key=True),
    Column("scope", Name, primary_key=True),
    Column("recovery", Integer, primary_key=True),
    Column("number", Integer, nullable=False),  # its place in its loop, from 1
    Column("status", Word, nullable=False),
    Column("halted", Boolean, nullable=False),  # nothing new starts in it
    Column("clean", Boolean, nullable=False),  # it is over, and walking it again could change nothing
    Column("started", Time),
    Column("ended", Time),
)

#: one row for each instance of a container with a loop: how far it came
loops = _table(
    "loops",
    _run(),
    Column("sequence", Sequence, primary_key=True),
    Column("step", Name, primary_key=True),
    Column("recovery", Integer, primary_key=True),
    Column("items", Integer, nullable=False),
    Column("begun", Integer, nullable=False),
    Column("over", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("cancelled", Integer, nullable=False),
    Column("broken", Boolean, nullable=False),  # a failure ended an iteration, so no further one begins
    Column("clean", Boolean, nullable=False),
)

#: the items of loops, in slices; by the step that computed them
items = _table(
    "items",
    _run(),
    Column("sequence", Sequence, primary_key=True),
    Column("step", Name, primary_key=True),
    Column("recovery", Integer, primary_key=True),
    Column("first", Integer, primary_key=True),  # the number of the slice's first item, from 1
    Column("size", Integer, nullable=False),
    Column("keys", Long),  # a JSON list; null where numbers serve
    Column("values", Long, nullable=False),  # tagged JSON, a list
)

#: results are kept apart from their tasks, which change more often and are read together
results = _table(
    "results",
    _run(),
    Column("sequence", Sequence, primary_key=True),
    Column("step", Name, primary_key=True),
    Column("recovery", Integer, primary_key=True),
    Column("value", Long),
    Column("file", Long),
)

#: one row for each attempt; a task whose first try succeeds has none, because its own row tells everything
attempts = _table(
    "attempts",
    _run(),
    Column("sequence", Sequence, primary_key=True),
    Column("step", Name, primary_key=True),
    Column("recovery", Integer, primary_key=True),
    Column("try", Integer, primary_key=True),
    Column("status", Word, nullable=False),
    Column("started", Time),
    Column("ended", Time),
    Column("error", Long),
    Column("traceback", Long),
)

#: associations with a delay, pending or over
delays = _table(
    "delays",
    _run(),
    Column("sequence", Sequence, primary_key=True),
    Column("event", Name, primary_key=True),
    Column("kind", Word, primary_key=True),  # of the target: event or step
    Column("target", Name, primary_key=True),
    Column("recovery", Integer, primary_key=True),
    Column("due", Time, nullable=False),
    Column("over", Integer, nullable=False, default=0),
)

#: when each start of a server was first seen by somebody who could write, by the server's clock
starts = _table(
    "starts",
    Column("started", Identity, primary_key=True),
    Column("seen", Time, nullable=False),
)

#: large results and files of results, in parts, where the backend keeps them in the database itself
parts = _table(
    "parts",
    Column("run_id", Identity, primary_key=True),
    Column("name", Name, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("content", Content, nullable=False),
)

#: pools that runs share; the program that gave the limit, or who has set it since
pools = _table(
    "pools",
    Column("id", Integer, primary_key=True),
    Column("name", Name, nullable=False),
    Column("scope", Word, nullable=False),  # see PoolScope
    Column("host", Identity, nullable=False),  # whose units they are; empty where they are those of all hosts
    Column("most", Integer),  # the limit; null: it never runs out
    Column("program", Identity, nullable=False),
    Column("set_by", Identity),  # once somebody has set the limit, it holds for all programs
    UniqueConstraint("name", "scope", "host"),
    rowid=True,
)

#: units of these pools that runs have or wait for; they count as long as the holder has the run's lease
units = _table(
    "units",
    _run(),
    Column("pool", Integer, ForeignKey(f"{PREFIX}pools.id"), primary_key=True, index=True),
    Column("step", Name, primary_key=True),
    Column("sequence", Sequence, primary_key=True),
    Column("recovery", Integer, nullable=False),
    Column("holder", Identity, nullable=False),
    Column("state", Word, nullable=False),  # see UnitState
    Column("amount", Integer, nullable=False),
    Column("asked", Integer, nullable=False),  # its place in the queue: the least goes first
    Column("since", Time, nullable=False),  # when it got its state
)
