"""From a flow to a program of the kernel."""
