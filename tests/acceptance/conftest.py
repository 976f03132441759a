from tests.crash.processes import scripts

__all__ = ["scripts"]
