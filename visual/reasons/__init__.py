"""Why an instance of a run is in its state, from the store alone: what it waits for, or how it ended."""

from visual.reasons.explain import explanations
from visual.reasons.known import Explanation, Known, Reason

__all__ = ["Explanation", "Known", "Reason", "explanations"]
