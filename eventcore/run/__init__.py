"""One call of `run`: the program object, its session, the engine that works, rehearsals."""
