"""The tables. Every identity of the design is a primary or unique key here.

Times are UTC in seconds since 1970; values are tagged JSON (see `eventcore.define.values`).
"""

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, MetaData, Table, Text

PREFIX = "eventcore_"
VERSION = 4

metadata = MetaData()


def _table(name: str, *columns: Column[object] | Index, rowid: bool = False) -> Table:
    return Table(PREFIX + name, metadata, *columns, sqlite_with_rowid=rowid)


def _run() -> Column[object]:
    return Column("run", Integer, ForeignKey(f"{PREFIX}runs.id", ondelete="CASCADE"), primary_key=True)


schema_version = _table("schema_version", Column("version", Integer, primary_key=True))

#: what runs execute, as data; one row for each different program
programs = _table(
    "programs",
    Column("id", Integer, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("document", Text, nullable=False),
    rowid=True,
)

#: one row for each run, with its lease: the engine that works on it, and its last heartbeat
runs = _table(
    "runs",
    Column("id", Integer, primary_key=True),
    Column("run_id", Text, nullable=False, unique=True),
    Column("program", Text, nullable=False),
    Column("source", Text),
    Column("user", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("recovery", Integer, nullable=False),
    Column("created", Float, nullable=False),
    Column("holder", Text),
    Column("holder_host", Text),
    Column("holder_pid", Integer),
    Column("holder_started", Text),
    Column("heartbeat", Float),
    Column("lease_term", Float),
    Column("wake", Integer),  # the loopback port at which the holder hears that there is a request
    Column("holder_boot", Text),  # the start of the holder's machine
    Column("holder_namespace", Text),  # in which the holder's process has its number
    Column("heartbeat_since_boot", Float),  # seconds, by a clock that nobody sets
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
    Column("rerun", Text),  # what is to run again although it succeeded, as JSON
    Column("started", Float, nullable=False),
    Column("ended", Float),
    Column("verdict", Text, nullable=False),
    Column("report", Text),
)

#: what users asked of a run, by whom and when; an engine answers a request in the commit that has its effect
requests = _table(
    "requests",
    Column("id", Integer, primary_key=True),
    Column("run", Integer, ForeignKey(f"{PREFIX}runs.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("verb", Text, nullable=False),
    Column("argument", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("asked_at", Float, nullable=False),
    Column("status", Text, nullable=False),  # see RequestStatus
    Column("reason", Text),  # why it was refused
    Column("answered_at", Float),
    Column("recovery", Integer),  # the recovery that carries a rerun out
    rowid=True,
)

#: the public events that were triggered; internal ones are not kept
facts = _table(
    "facts",
    _run(),
    Column("sequence", Text, primary_key=True),
    Column("event", Text, primary_key=True),
    Column("recovery", Integer, primary_key=True),
    Column("scope", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("value", Text),  # of an event that was emitted in the middle of a step
)

tasks = _table(
    "tasks",
    _run(),
    Column("sequence", Text, primary_key=True),
    Column("step", Text, primary_key=True),
    Column("recovery", Integer, primary_key=True),
    Column("scope", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("try", Integer, nullable=False),
    Column("due", Float),
    Column("created", Float),
    Column("started", Float),
    Column("ended", Float),
    Column("raised", Text),  # the events that its function raised, as a JSON list of names and sequences
    Column("clean", Boolean),  # of a container: whether everything inside succeeded
    Column("deadline", Float),  # when it fails unless it is over
    Column("ticket", Text),  # of a deferred task: the digest of its ticket, or "signal"
)

#: one row for each iteration of a container that was walked
iterations = _table(
    "iterations",
    _run(),
    Column("sequence", Text, primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("recovery", Integer, primary_key=True),
    Column("number", Integer, nullable=False),  # its place in its loop, from 1
    Column("status", Text, nullable=False),
    Column("halted", Boolean, nullable=False),  # nothing new starts in it
    Column("clean", Boolean, nullable=False),  # it is over, and walking it again could change nothing
    Column("started", Float),
    Column("ended", Float),
)

#: one row for each instance of a container with a loop: how far it came
loops = _table(
    "loops",
    _run(),
    Column("sequence", Text, primary_key=True),
    Column("step", Text, primary_key=True),
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
    Column("sequence", Text, primary_key=True),
    Column("step", Text, primary_key=True),
    Column("recovery", Integer, primary_key=True),
    Column("first", Integer, primary_key=True),  # the number of the slice's first item, from 1
    Column("size", Integer, nullable=False),
    Column("keys", Text),  # a JSON list; null where numbers serve
    Column("values", Text, nullable=False),  # tagged JSON, a list
)

#: results are kept apart from their tasks, which change more often and are read together
results = _table(
    "results",
    _run(),
    Column("sequence", Text, primary_key=True),
    Column("step", Text, primary_key=True),
    Column("recovery", Integer, primary_key=True),
    Column("value", Text),
    Column("file", Text),
)

#: one row for each attempt; a task whose first try succeeds has none, because its own row tells everything
attempts = _table(
    "attempts",
    _run(),
    Column("sequence", Text, primary_key=True),
    Column("step", Text, primary_key=True),
    Column("recovery", Integer, primary_key=True),
    Column("try", Integer, primary_key=True),
    Column("status", Text, nullable=False),
    Column("started", Float),
    Column("ended", Float),
    Column("error", Text),
    Column("traceback", Text),
)

#: associations with a delay, pending or over
delays = _table(
    "delays",
    _run(),
    Column("sequence", Text, primary_key=True),
    Column("event", Text, primary_key=True),
    Column("kind", Text, primary_key=True),  # of the target: event or step
    Column("target", Text, primary_key=True),
    Column("recovery", Integer, primary_key=True),
    Column("due", Float, nullable=False),
    Column("over", Integer, nullable=False, default=0),
)
