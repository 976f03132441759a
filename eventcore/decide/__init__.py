"""The deciding layer: the whole semantics of the kernel, as functions from state and what happened to changes.

Nothing here does I/O, reads a clock or knows SQL, processes or threads. `turn` is the way in; each rule is in the file
of its name: `triggering`, `expressions`, `delays`, `scheduling`, `resources`, `ending`, `failure`, `retrying`,
`halting`, `recovery`, `restoring`, `verdict`.
"""
