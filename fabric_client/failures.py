"""What a peer's failed call means, by its code and by the words of whoever was asked."""

import re
from collections.abc import Iterator
from typing import Any

import grpc
from fabric_protos.gateway import gateway_pb2
from google.rpc import status_pb2

from fabric_client.errors import (
    AlreadyKnown,
    ChaincodeRefused,
    EndorseFailed,
    EndorsementsDiffer,
    FabricError,
    NodeAnswer,
    NotPermitted,
    PeerUnavailable,
)

_CHAINCODE_ANSWER = re.compile(r"chaincode response (\d+), (.*)", re.DOTALL)
_STATUS_DETAILS = "grpc-status-details-bin"
_UNREACHED = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED})
_UNPERMITTED = frozenset({grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED})
_NOT_PERMITTED_WORDS = ("access denied", "request unauthorized", "creator org", "identity expired", "tx_id")
_DUPLICATE_WORDS = "duplicate transaction found"
_DIFFERENT_WORDS = "ProposalResponsePayloads do not match"


def before_ordering(error: grpc.RpcError, transaction_id: str) -> FabricError:
    """Return what a failure means at a stage that leaves no trace on the ledger."""
    message, answers = words(error)
    if (refused := _chaincode_refusal(message, answers, transaction_id)) is not None:
        return refused
    told = " ".join([message, *(answer.message for answer in answers)])
    if _DUPLICATE_WORDS in told:
        return AlreadyKnown(message, transaction_id=transaction_id, answers=answers)
    if _DIFFERENT_WORDS in told:
        return EndorsementsDiffer(message, transaction_id=transaction_id, answers=answers)
    if error.code() in _UNPERMITTED or any(part in told for part in _NOT_PERMITTED_WORDS):
        return NotPermitted(message, transaction_id=transaction_id, answers=answers)
    kind = PeerUnavailable if error.code() in _UNREACHED and not answers else EndorseFailed
    return kind(message, transaction_id=transaction_id, answers=answers)


def _chaincode_refusal(message: str, answers: tuple[NodeAnswer, ...], transaction_id: str) -> ChaincodeRefused | None:
    for told in (message, *(answer.message for answer in answers)):
        if found := _CHAINCODE_ANSWER.search(told):
            return ChaincodeRefused(int(found[1]), found[2], transaction_id=transaction_id, answers=answers)
    return None


def words(error: grpc.RpcError) -> tuple[str, tuple[NodeAnswer, ...]]:
    """Return what a failed call says, and what each node said about it."""
    trailing: Any = error.trailing_metadata()
    packed = [value for key, value in trailing or () if key == _STATUS_DETAILS]
    answers = tuple(answer for value in packed for answer in _answers(value))
    return f"{error.code().name}: {error.details()}", answers


def _answers(status: bytes) -> Iterator[NodeAnswer]:
    for packed in status_pb2.Status.FromString(status).details:
        detail = gateway_pb2.ErrorDetail()
        if packed.Unpack(detail):
            yield NodeAnswer(address=detail.address, msp_id=detail.msp_id, message=detail.message)
