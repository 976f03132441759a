"""The acting layer: clock, executors, leases, logs and the engine loop. It holds no semantics."""
