"""What ends a chaincode transaction before the contracts could answer for it."""

#: What a submitter sees as the status of a refusal.
BAD_REQUEST, FORBIDDEN, NOT_FOUND, CONFLICT = 400, 403, 404, 409


class ChaincodeError(Exception):
    """The chaincode server cannot do what was asked."""


class FunctionRefused(ChaincodeError):
    """A transaction is refused as a whole; the submitter sees status and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class PeerRefused(ChaincodeError):
    """The peer answered a read or write with an error."""


class PeerGone(ChaincodeError):
    """The stream to the peer ended, or it did not answer in time."""
