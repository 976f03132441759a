"""The ways a step's function can be run: `registry` finds them, `eventcore.act.executor` is their contract."""
