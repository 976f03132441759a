"""A program made ready for deciding: who follows from whom, found without searching."""

from eventcore.decide.expressions import Shape
from eventcore.define.config import Config
from eventcore.define.program import Association, Event, Program, Step


class Plan:
    """Indexes over a program; they do not change while an engine runs it."""

    def __init__(self, program: Program, config: Config) -> None:
        self.config = config
        self.events = dict(program.events)
        self.steps = dict(program.steps)
        self.associations = dict(program.associations)
        self.pools = dict(program.pools)
        self.followers: dict[str, list[Association]] = {}
        for association in program.associations.values():
            self.followers.setdefault(association.event.name, []).append(association)
        self.shapes: dict[str, Shape] = {}
        self.dependents: dict[str, list[Event]] = {}
        for event in program.events.values():
            if event.expr is not None:
                self.shapes[event.name] = Shape(event.expr)
                for atom in program.atoms(event):
                    self.dependents.setdefault(atom.name, []).append(event)
        self.members: dict[str, list[Step]] = {}
        for step in program.steps.values():
            self.members.setdefault(step.placement.scope, []).append(step)

    @property
    def has_parts(self) -> bool:
        """Whether a layer above divides the program into parts, and closes their cells itself."""
        return len(self.members) > 1
