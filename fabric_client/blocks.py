"""Blocks as Fabric stores them: how they are hashed, and the transactions in them."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from fabric_protos.common import common_pb2
from fabric_protos.ledger.rwset import rwset_pb2
from fabric_protos.ledger.rwset.kvrwset import kv_rwset_pb2
from fabric_protos.msp import identities_pb2
from fabric_protos.peer import (
    chaincode_event_pb2,
    chaincode_pb2,
    proposal_pb2,
    proposal_response_pb2,
    transaction_pb2,
)

_INTEGER, _OCTETS, _SEQUENCE = 0x02, 0x04, 0x30
_SHORT = 0x80


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ChaincodeTransaction:
    """A call of a chaincode that is in a block, with what it did; itself is all that it equals."""

    transaction_id: str
    channel: str
    chaincode: str
    timestamp_ms: int
    #: Of the submitter: organisation and certificate in PEM.
    msp_id: str
    certificate: bytes
    arguments: tuple[bytes, ...]
    response: bytes
    #: In the chaincode's own namespace; None where the key was deleted.
    writes: dict[str, bytes | None]
    #: Name and content; empty when there is none.
    event_name: str
    event: bytes


def header_bytes(header: Any) -> bytes:
    """Return a block header in DER, as it is hashed and signed: number, hash before, hash of the data."""
    content = _der_integer(header.number) + _der(_OCTETS, header.previous_hash) + _der(_OCTETS, header.data_hash)
    return _der(_SEQUENCE, content)


def header_hash(header: Any) -> bytes:
    """Return a block's hash, which the next block names."""
    return hashlib.sha256(header_bytes(header)).digest()


def data_hash(block: Any) -> bytes:
    """Return the hash of a block's transactions, which its header names."""
    return hashlib.sha256(b"".join(block.data.data)).digest()


def signatures(block: Any) -> bytes:
    """Return what the orderers signed a block with: a `Metadata` of Fabric's."""
    return bytes(block.metadata.metadata[common_pb2.BlockMetadataIndex.SIGNATURES])


def block_timestamp_ms(block: Any) -> int:
    """Return a block's time: that of its last transaction, for Fabric gives it none of its own."""
    payload = common_pb2.Payload.FromString(common_pb2.Envelope.FromString(block.data.data[-1]).payload)
    return int(common_pb2.ChannelHeader.FromString(payload.header.channel_header).timestamp.ToMilliseconds())


def valid_transactions(block: Any, channel: str) -> Iterator[ChaincodeTransaction]:
    """Yield the chaincode calls of a block that the peers found valid, in order."""
    codes = block.metadata.metadata[common_pb2.BlockMetadataIndex.TRANSACTIONS_FILTER]
    for position, data in enumerate(block.data.data):
        if codes[position] != transaction_pb2.TxValidationCode.VALID:
            continue
        found = chaincode_transaction(common_pb2.Envelope.FromString(data))
        if found is not None and found.chaincode and found.channel == channel:
            yield found


def chaincode_transaction(envelope: Any) -> ChaincodeTransaction | None:
    """Return the chaincode call in an envelope; None when it is something else, as a change of the channel."""
    return _transaction_in(envelope.payload)


@lru_cache(maxsize=2)
def _transaction_in(content: bytes) -> ChaincodeTransaction | None:
    """Return the call in an envelope's payload: who submitted it meets the same one again in the block."""
    payload = common_pb2.Payload.FromString(content)
    header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
    if header.type != common_pb2.ENDORSER_TRANSACTION:
        return None
    creator = identities_pb2.SerializedIdentity.FromString(
        common_pb2.SignatureHeader.FromString(payload.header.signature_header).creator
    )
    action = transaction_pb2.ChaincodeActionPayload.FromString(
        transaction_pb2.Transaction.FromString(payload.data).actions[0].payload
    )
    proposal = proposal_pb2.ChaincodeProposalPayload.FromString(action.chaincode_proposal_payload)
    specification = chaincode_pb2.ChaincodeInvocationSpec.FromString(proposal.input).chaincode_spec
    answered = proposal_response_pb2.ProposalResponsePayload.FromString(action.action.proposal_response_payload)
    result = proposal_pb2.ChaincodeAction.FromString(answered.extension)
    event = chaincode_event_pb2.ChaincodeEvent.FromString(result.events)
    chaincode = specification.chaincode_id.name
    return ChaincodeTransaction(
        transaction_id=header.tx_id,
        channel=header.channel_id,
        chaincode=chaincode,
        timestamp_ms=header.timestamp.ToMilliseconds(),
        msp_id=creator.mspid,
        certificate=creator.id_bytes,
        arguments=tuple(specification.input.args),
        response=result.response.payload,
        writes=dict(_writes(result.results, chaincode)),
        event_name=event.event_name,
        event=event.payload,
    )


def _writes(results: bytes, chaincode: str) -> Iterator[tuple[str, bytes | None]]:
    for namespace in rwset_pb2.TxReadWriteSet.FromString(results).ns_rwset:
        if namespace.namespace == chaincode:
            for write in kv_rwset_pb2.KVRWSet.FromString(namespace.rwset).writes:
                yield write.key, None if write.is_delete else write.value


def _der(tag: int, content: bytes) -> bytes:
    if len(content) < _SHORT:
        return bytes((tag, len(content))) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes((tag, _SHORT | len(length))) + length + content


def _der_integer(number: int) -> bytes:
    # One bit more than it needs, so that it does not look negative.
    return _der(_INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))
