"""What can go wrong in the scheduler; one root."""


class SchedulerError(Exception):
    """Something kept the scheduler from doing its work."""


class TermSuperseded(SchedulerError):
    """Another scheduler has taken over; this one may change nothing any more."""


class StoreUnavailable(SchedulerError):
    """The database cannot be reached; nothing has changed, a retry can help."""


class ChangeFailed(SchedulerError):
    """A change raised something unexpected, alone in its transaction; it was logged and nothing of it is stored."""


class BrokerUnavailable(SchedulerError):
    """The broker has not confirmed a message; a retry can help."""


class BrokerSilent(BrokerUnavailable):
    """The broker may have taken a message: its confirmation did not come."""


class Undeliverable(BrokerUnavailable):
    """The broker said that it did not take a message or a request."""


class QueueMissing(Undeliverable):
    """Nobody has declared the queue."""


class QueueFull(Undeliverable):
    """As many messages as allowed are waiting."""


class ReceiptRefused(SchedulerError):
    """A result is not what its receipt, its ticket or its provider's key say; the message names the difference."""
