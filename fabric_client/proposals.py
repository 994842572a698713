"""Proposals: a call of a chaincode function, signed by its submitter."""

import hashlib
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from fabric_protos.common import common_pb2
from fabric_protos.peer import chaincode_pb2, proposal_pb2

from fabric_client.identity import Identity

_NONCE_BYTES = 24


@dataclass(frozen=True, kw_only=True, slots=True)
class ChaincodeCall:
    """A function of a chaincode with its arguments."""

    channel: str
    chaincode: str
    function: str
    arguments: tuple[bytes, ...] = ()
    #: The transaction's time; the peers refuse one that is more than a minute off.
    timestamp_ms: int = field(default_factory=lambda: time.time_ns() // 1_000_000)
    #: Whoever proposes with the same nonce again proposes the same transaction.
    nonce: bytes = field(default_factory=lambda: secrets.token_bytes(_NONCE_BYTES))


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedProposal:
    """A signed proposal, with the id that its transaction will have."""

    transaction_id: str
    channel: str
    #: A `SignedProposal` of Fabric's.
    signed: Any


def transaction_id_of(nonce: bytes, creator: bytes) -> str:
    """Return the id that Fabric gives to a transaction."""
    return hashlib.sha256(nonce + creator).hexdigest()


def propose(identity: Identity, call: ChaincodeCall) -> SignedProposal:
    """Return the signed proposal of a call."""
    transaction_id = transaction_id_of(call.nonce, identity.creator)
    chaincode = chaincode_pb2.ChaincodeID(name=call.chaincode)
    extension = proposal_pb2.ChaincodeHeaderExtension(chaincode_id=chaincode)
    channel_header = common_pb2.ChannelHeader(
        type=common_pb2.ENDORSER_TRANSACTION,
        channel_id=call.channel,
        tx_id=transaction_id,
        extension=extension.SerializeToString(),
    )
    channel_header.timestamp.FromMilliseconds(call.timestamp_ms)
    signature_header = common_pb2.SignatureHeader(creator=identity.creator, nonce=call.nonce)
    header = common_pb2.Header(
        channel_header=channel_header.SerializeToString(), signature_header=signature_header.SerializeToString()
    )
    content = proposal_pb2.Proposal(header=header.SerializeToString(), payload=_payload(chaincode, call))
    serialized = content.SerializeToString()
    signed = proposal_pb2.SignedProposal(proposal_bytes=serialized, signature=identity.sign(serialized))
    return SignedProposal(transaction_id=transaction_id, channel=call.channel, signed=signed)


def _payload(chaincode: Any, call: ChaincodeCall) -> bytes:
    arguments = chaincode_pb2.ChaincodeInput(args=[call.function.encode(), *call.arguments])
    specification = chaincode_pb2.ChaincodeSpec(chaincode_id=chaincode, input=arguments)
    invocation = chaincode_pb2.ChaincodeInvocationSpec(chaincode_spec=specification)
    payload = proposal_pb2.ChaincodeProposalPayload(input=invocation.SerializeToString())
    return bytes(payload.SerializeToString())
