"""A machine with containers in memory, whose only image answers as a test wants."""

from dataclasses import dataclass, field
from threading import Event as Flag

from provider_agent.containers.running import ContainerRunner
from provider_agent.containers.sandbox import PROVIDER_LABEL
from provider_agent.ports import Clock
from provider_agent.testing import InMemoryEngine, Wrote
from tests.support.tickets import IMAGE, PROVIDER_ID


@dataclass
class Function:
    """Answers with the input in capitals, or what `answers` has for an input."""

    answers: dict[bytes, Wrote] = field(default_factory=dict)
    #: While this is clear, runs last on.
    gate: Flag = field(default_factory=Flag)
    #: The inputs of all runs.
    runs: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gate.set()

    def __call__(self, given: bytes) -> Wrote:
        self.runs.append(given)
        return self.answers.get(given, Wrote(output=given.upper(), until=self.gate))


class Machine:
    """What an agent runs its containers with, and the function that is there."""

    def __init__(self, clock: Clock) -> None:
        self.function = Function()
        self.engine = InMemoryEngine({IMAGE: self.function})
        self.engine.here.add(IMAGE)
        self.runner = ContainerRunner(self.engine, provider_id=PROVIDER_ID, allowed_registries=frozenset(), clock=clock)

    def containers(self) -> list[str]:
        """Return the names of the containers that are there."""
        return self.engine.labelled(PROVIDER_LABEL, PROVIDER_ID)
