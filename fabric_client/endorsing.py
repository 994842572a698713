"""One peer of each organisation endorses, all at the same time; the client makes the transaction of their answers."""

from collections.abc import Sequence
from typing import Any

import grpc
from fabric_protos.common import common_pb2
from fabric_protos.msp import identities_pb2
from fabric_protos.peer import proposal_pb2, transaction_pb2
from google.protobuf.message import DecodeError

from fabric_client.errors import (
    ChaincodeRefused,
    EndorseFailed,
    EndorsementsDiffer,
    FabricError,
    NodeAnswer,
    PeerUnavailable,
)
from fabric_client.failures import before_ordering
from fabric_client.peers import PeerConnection, PeerRing
from fabric_client.proposals import SignedProposal

#: From here on a chaincode's status is a refusal.
_REFUSED = 400
_FAILED = 500


def endorse(peers: PeerRing, proposal: SignedProposal, *, seconds: float) -> Any:
    """Return the transaction with an endorsement of each organisation, signed by the submitter: an `Envelope`.

    A peer that does not endorse, or differs from the one that is asked first, is left: next time another one of its
    organisation is asked.

    :raises PeerUnavailable: when a peer does not answer.
    :raises EndorseFailed: when a peer cannot endorse now, or speaks for another organisation than its own.
    :raises ChaincodeRefused: when the chaincode refuses it.
    :raises NotPermitted: when a peer refuses the submitter or the time.
    :raises AlreadyKnown: when a block holds a transaction of this id.
    :raises EndorsementsDiffer: when the peers do not answer the same.
    """
    asked = [(organisation, organisation.current) for organisation in peers.organisations]
    calls = [peer.endorser.ProcessProposal.future(proposal.signed, timeout=seconds) for _, peer in asked]
    answers, failures = [], []
    try:
        for (organisation, peer), call in zip(asked, calls, strict=True):
            try:
                answers.append(_answer(call, peer, proposal))
            except (PeerUnavailable, EndorseFailed) as error:
                organisation.leave(peer)
                failures.append(error)
    finally:
        for call in calls:
            call.cancel()
    if failures:
        raise failures[0]
    if any(answer.payload != answers[0].payload for answer in answers):
        for organisation, peer in asked:
            if peer is not peers.current:
                organisation.leave(peer)
        raise _difference(answers, [peer for _, peer in asked], proposal)
    payload = _transaction(proposal, answers)
    return common_pb2.Envelope(payload=payload, signature=peers.identity.sign(payload))


def _answer(call: Any, peer: PeerConnection, proposal: SignedProposal) -> Any:
    """Return a peer's endorsement, a `ProposalResponse` of Fabric's."""
    try:
        answer = call.result()
    except grpc.RpcError as error:
        raise before_ordering(error, proposal.transaction_id) from error
    if answer.response.status >= _REFUSED or not answer.payload:
        raise _refusal(answer, peer, proposal)
    try:
        endorser = identities_pb2.SerializedIdentity.FromString(answer.endorsement.endorser)
    except DecodeError as error:
        raise EndorseFailed(f"{peer.address}: {error}", transaction_id=proposal.transaction_id) from error
    if endorser.mspid != peer.endorses_for:
        # The transaction would be committed as not valid, and its id used up.
        message = f"{peer.address} endorses for {endorser.mspid} instead of {peer.endorses_for}"
        raise EndorseFailed(message, transaction_id=proposal.transaction_id)
    return answer


def _refusal(answer: Any, peer: PeerConnection, proposal: SignedProposal) -> FabricError:
    status, message = answer.response.status, answer.response.message
    said = (NodeAnswer(address=peer.address, msp_id=peer.endorses_for, message=message),)
    # Without a payload, 500 is the peer's own word: the chaincode's server is not there, or took too long.
    if status < _REFUSED or (status == _FAILED and not answer.payload):
        return EndorseFailed("a peer could not endorse", transaction_id=proposal.transaction_id, answers=said)
    return ChaincodeRefused(status, message, transaction_id=proposal.transaction_id, answers=said)


def _difference(
    answers: Sequence[Any], peers: Sequence[PeerConnection], proposal: SignedProposal
) -> EndorsementsDiffer:
    said = tuple(
        NodeAnswer(address=peer.address, msp_id=peer.endorses_for, message=f"{len(answer.payload)} bytes")
        for answer, peer in zip(answers, peers, strict=True)
    )
    return EndorsementsDiffer("the peers answer differently", transaction_id=proposal.transaction_id, answers=said)


def _transaction(proposal: SignedProposal, answers: Sequence[Any]) -> bytes:
    """Return what the submitter signs: the proposal, what the peers answered, and their endorsements."""
    proposed = proposal_pb2.Proposal.FromString(proposal.signed.proposal_bytes)
    header = common_pb2.Header.FromString(proposed.header)
    endorsed = transaction_pb2.ChaincodeEndorsedAction(
        proposal_response_payload=answers[0].payload, endorsements=[answer.endorsement for answer in answers]
    )
    action = transaction_pb2.ChaincodeActionPayload(chaincode_proposal_payload=proposed.payload, action=endorsed)
    whole = transaction_pb2.Transaction(
        actions=[transaction_pb2.TransactionAction(header=header.signature_header, payload=action.SerializeToString())]
    )
    return bytes(common_pb2.Payload(header=header, data=whole.SerializeToString()).SerializeToString())
