"""What can go wrong in the scheduler; one root."""


class SchedulerError(Exception):
    """Something kept the scheduler from doing its work."""


class EpochSuperseded(SchedulerError):
    """Another scheduler has taken over; this one may change nothing any more."""


class StoreUnavailable(SchedulerError):
    """The database cannot be reached; nothing has changed, a retry can help."""


class ChangeFailed(SchedulerError):
    """A change raised something unexpected, alone in its transaction; it was logged and nothing of it is stored."""


class BrokerUnavailable(SchedulerError):
    """The broker did not confirm a message in time; whether it arrived is unknown."""


class Undeliverable(BrokerUnavailable):
    """The queue is gone or full: the broker said that the message did not arrive."""


class ReceiptRefused(SchedulerError):
    """A result is not what its receipt, its ticket or its provider's key say; the message names the difference."""
