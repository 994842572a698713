"""Calls of the chaincode as a client of one's own makes them, past the portal's ledger."""

import time
from dataclasses import replace
from typing import Any

from fabric_protos.common import common_pb2
from fabric_protos.peer import proposal_response_pb2, transaction_pb2

from fabric_client.gateway import Gateway
from fabric_client.identity import Identity
from fabric_client.proposals import ChaincodeCall, SignedProposal
from wire.ledger import names

SECONDS = 20


def call(*arguments: str, function: str = names.SUBMIT, timestamp_ms: int | None = None) -> ChaincodeCall:
    """Return a call of a function."""
    made = ChaincodeCall(
        channel="chainfaas",
        chaincode=names.CHAINCODE,
        function=function,
        arguments=tuple(argument.encode() for argument in arguments),
    )
    return made if timestamp_ms is None else replace(made, timestamp_ms=timestamp_ms)


def submission(envelope: str, timestamp_ms: int) -> ChaincodeCall:
    """Return the call that hands in a signed transaction of that time."""
    return call(envelope, timestamp_ms=timestamp_ms)


def now_ms() -> int:
    """Return the network's time."""
    return time.time_ns() // 1_000_000


def complete(gateway: Gateway, proposal: SignedProposal, *organisations: str) -> int:
    """Endorse, submit, and return the number of the block."""
    prepared = gateway.endorse(proposal, seconds=SECONDS, organisations=organisations)
    gateway.submit(proposal, prepared, seconds=SECONDS)
    return gateway.commit_status(proposal.transaction_id, proposal.channel, seconds=SECONDS)


def endorsed_by(prepared: Any, endorser: Identity, *, submitter: Identity) -> Any:
    """Return an endorsed transaction with one endorsement more, as whoever has the endorser's key adds it."""
    payload = common_pb2.Payload.FromString(prepared.payload)
    transaction = transaction_pb2.Transaction.FromString(payload.data)
    content = transaction_pb2.ChaincodeActionPayload.FromString(transaction.actions[0].payload)
    action = content.action
    signature = endorser.sign(action.proposal_response_payload + endorser.creator)
    action.endorsements.append(proposal_response_pb2.Endorsement(endorser=endorser.creator, signature=signature))
    transaction.actions[0].payload = content.SerializeToString()
    payload.data = transaction.SerializeToString()
    data = payload.SerializeToString()
    return common_pb2.Envelope(payload=data, signature=submitter.sign(data))
