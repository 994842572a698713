"""Every name on the broker and on the Fabric network, spelt by one function each."""

from uuid import UUID

PROVIDER_EVENTS = "provider-events"
INVOCATIONS = "invocations"
HEARTBEATS = "provider-heartbeats"
PROGRESS = "provider-progress"
RESULTS = "provider-results"
#: A consumer is told when its queue is deleted. Without this RabbitMQ moves it to a queue of the same name that is
#: declared at once, and then drops what that queue delivers: the consumer would be deaf and not know it.
CONSUMER_ARGUMENTS = {"x-cancel-on-ha-failover": True}

#: Which kinds of event land in which of the controller's queues, so that a flood of one kind stops no other.
EVENT_QUEUES: dict[str, tuple[str, ...]] = {
    HEARTBEATS: ("heartbeat",),
    PROGRESS: ("accepted", "started"),
    RESULTS: ("finished", "refused"),
}


def broker_user(provider_id: UUID) -> str:
    """Return the provider's user on the broker."""
    return f"provider-{provider_id.hex}"


def jobs_queue(secret: str) -> str:
    """Return the provider's queue of tickets; `secret` is random, so that no stranger can ask for its length."""
    return f"jobs.{secret}"


def control_queue(secret: str) -> str:
    """Return the provider's queue of cancels and acknowledgements."""
    return f"control.{secret}"


def event_key(provider_id: UUID, kind: str) -> str:
    """Return the routing key of a provider's event; `kind` without its version, as `finished`."""
    return f"{provider_id.hex}.{kind}"


def replies_queue(gateway_id: str) -> str:
    """Return the queue on which one gateway process hears how its invocations ended."""
    return f"replies.{gateway_id}"


def fabric_member(signing_key_id: str) -> str:
    """Return what a provider is called on the Fabric network: a machine knows its key before its provider's id."""
    return f"provider-{signing_key_id}"
