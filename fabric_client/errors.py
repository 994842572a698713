"""What can go wrong between a client and a Fabric network: each stage fails in its own way, with its transaction."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeAnswer:
    """What one node of the network said about a failure."""

    address: str
    msp_id: str
    message: str


class FabricError(Exception):
    """The Fabric network did not do what was asked."""

    def __init__(self, message: str, *, transaction_id: str = "", answers: tuple[NodeAnswer, ...] = ()) -> None:
        told = "; ".join(f"{answer.msp_id} {answer.address}: {answer.message}" for answer in answers)
        super().__init__(" ".join(part for part in (transaction_id, message, f"({told})" if told else "") if part))
        self.transaction_id = transaction_id
        self.answers = answers


class PeerUnavailable(FabricError):
    """A peer could not be reached or did not answer in time, at a stage that leaves no trace."""


class EndorseFailed(FabricError):
    """The network could not gather the endorsements now; nothing was ordered."""


class EndorsementsDiffer(FabricError):
    """The organisations' peers came to different answers: one was a block behind another; nothing was ordered."""


class NotPermitted(FabricError):
    """The network does not accept this identity, its signature or its time; nothing was ordered."""


class ChaincodeRefused(FabricError):
    """The chaincode itself answered with an error; `status` and `reason` are its words."""

    def __init__(
        self, status: int, reason: str, *, transaction_id: str = "", answers: tuple[NodeAnswer, ...] = ()
    ) -> None:
        super().__init__(f"chaincode status {status}: {reason}", transaction_id=transaction_id, answers=answers)
        self.status = status
        self.reason = reason


class AlreadyKnown(FabricError):
    """A transaction of this id is in a block already: ask what became of it."""


class SubmitUnknown(FabricError):
    """The endorsed transaction was handed over and no orderer said that it has it: the same one may be sent again."""


class CommitStatusUnknown(FabricError):
    """The orderers have the transaction; what became of it was not told in time: ask again, of any peer."""


class CommitRefused(FabricError):
    """The transaction is in a block and changes nothing; `code` is Fabric's validation code."""

    def __init__(self, code: str, *, transaction_id: str) -> None:
        super().__init__(f"is in a block as {code}: it changes nothing", transaction_id=transaction_id)
        self.code = code


class CommitConflict(CommitRefused):
    """Another transaction changed what this one had read: the same content may go out again in a new one."""


class BlockDamaged(FabricError):
    """A block is not what its orderers signed, or does not continue the one before."""


class BadIdentity(FabricError):
    """A certificate or key is not usable; the message names the file."""


class AuthorityUnavailable(FabricError):
    """A certificate authority did not answer, or failed itself: ask again."""


class AuthorityRefused(FabricError):
    """A certificate authority did not do what was asked; the message has its words, `codes` are Fabric CA's."""

    def __init__(self, message: str, *, codes: frozenset[int]) -> None:
        super().__init__(message)
        self.codes = codes
