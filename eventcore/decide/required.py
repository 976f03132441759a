"""Steps that must run: where it is certain that one will not, it fails, so that the run is no success.

Nothing is added to a run that has failed already or that its user has cancelled, in whole or this part of it.
"""

from __future__ import annotations

from eventcore.decide import ending
from eventcore.decide.context import Context
from eventcore.decide.state import Iteration
from eventcore.define.program import Step

NOT_REACHED = "it must run, but what it requires cannot come any more"
NOTHING_INSIDE = "a step inside must run, but what this one requires cannot come any more"


def fails(context: Context, step: Step, at: Iteration) -> bool:
    """Have a step fail that must run and will not; False where that changes nothing."""
    state = context.state
    if not step.place.must_run or state.failures or state.cancelled or (at.halted and not at.failed):
        return False
    ending.fail_unstarted(context, step, at, NOT_REACHED if step.config.must_run else NOTHING_INSIDE)
    return True
