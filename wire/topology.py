"""Every exchange and queue on the broker with its bounds: what is declared is this, whoever declares it."""

from dataclasses import dataclass

from wire import names


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueSpec:
    """A durable classic queue that cannot grow without bound."""

    name: str
    max_length: int
    #: What happens to one message too many: `reject-publish` tells its sender, `drop-head` loses the oldest.
    overflow: str = "reject-publish"
    #: Routing keys by which the queue is bound to `names.PROVIDER_EVENTS`.
    bindings: tuple[str, ...] = ()

    @property
    def arguments(self) -> dict[str, str | int]:
        """The declaration's arguments; two declarations with other arguments would be refused by the broker."""
        return {"x-max-length": self.max_length, "x-overflow": self.overflow}


def _events(queue: str, max_length: int, overflow: str) -> QueueSpec:
    bindings = tuple(f"*.{kind}" for kind in names.EVENT_QUEUES[queue])
    return QueueSpec(name=queue, max_length=max_length, overflow=overflow, bindings=bindings)


#: The queues that belong to the controller; gateways' `replies` queues are their own, exclusive, and vanish with them.
CONTROLLER_QUEUES: tuple[QueueSpec, ...] = (
    QueueSpec(name=names.INVOCATIONS, max_length=10_000),
    _events(names.HEARTBEATS, 10_000, "drop-head"),
    _events(names.PROGRESS, 10_000, "drop-head"),
    _events(names.RESULTS, 100_000, "reject-publish"),
)


def provider_queues(secret: str) -> tuple[QueueSpec, QueueSpec]:
    """Return a provider's queues: tickets, and cancels with acknowledgements."""
    return (
        QueueSpec(name=names.jobs_queue(secret), max_length=1_000),
        QueueSpec(name=names.control_queue(secret), max_length=10_000, overflow="drop-head"),
    )
