"""The verbs of requests: what can be asked of a run."""

PAUSE, RESUME, CANCEL, TRIGGER, RERUN = "pause", "resume", "cancel", "trigger", "rerun"
SIGNAL, COMPLETE, EMIT = "signal", "complete", "emit"
