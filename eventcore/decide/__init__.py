"""The deciding layer: the whole semantics of the kernel, as functions from state and what happened to changes.

Nothing here does I/O, reads a clock or knows SQL, processes or threads. `turn` is the way in; it drives the rules, each
in the file of its name, and every rule takes the `context` that they share.
"""
