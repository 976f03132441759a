"""The acting layer: executors, clocks, observers, step logs and the lease keeper. It holds no semantics."""
