"""From a proposal to a committed transaction: each stage is repeated, with any peer, as long as that is harmless."""

import logging
import random
import time
from collections.abc import Callable
from typing import Any, TypeVar

from fabric_client.endorsing import endorse
from fabric_client.errors import (
    ChaincodeRefused,
    CommitConflict,
    CommitRefused,
    CommitStatusUnknown,
    EndorseFailed,
    EndorsementsDiffer,
    FabricError,
    PeerUnavailable,
    SubmitUnknown,
)
from fabric_client.gateway import Gateway
from fabric_client.peers import PeerRing
from fabric_client.proposals import SignedProposal

log = logging.getLogger(__name__)

T = TypeVar("T")
#: Of one question to one peer.
CALL_SECONDS = 10.0
#: Of one stage with all its repetitions: the election of a new leading orderer takes half of it.
STAGE_SECONDS = 20.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 1.0
_BEHIND_SECONDS = (0.05, 0.25)


def commit(peers: PeerRing, proposal: SignedProposal) -> Any:
    """Return the transaction as it was committed, an `Envelope` of Fabric's.

    Known peers of all organisations endorse at the same time. Where they are not known, or one cannot, the Gateway
    finds out who has to endorse: named to it, an organisation would be spoken for by any of its members that says it
    endorses, as an operator's peer.

    :raises PeerUnavailable: when no peer answers; nothing was ordered.
    :raises EndorsementsDiffer: when the peers do not answer the same; nothing was ordered.
    :raises EndorseFailed: when the endorsements cannot be had; nothing was ordered.
    :raises NotPermitted: when the network refuses the submitter or its time.
    :raises ChaincodeRefused: when the chaincode refuses it.
    :raises AlreadyKnown: when a block holds a transaction of this id.
    :raises SubmitUnknown: when nobody said that the orderers have it.
    :raises CommitStatusUnknown: when they have it and nobody said what became of it.
    :raises CommitRefused: when it is in a block and changes nothing.
    """
    prepared, at_once = _endorsed(peers, proposal)
    _patiently(peers, lambda gateway: gateway.submit(proposal, prepared, seconds=CALL_SECONDS), SubmitUnknown)
    try:
        _patiently(
            peers,
            lambda gateway: gateway.commit_status(proposal.transaction_id, proposal.channel, seconds=CALL_SECONDS),
            CommitStatusUnknown,
        )
    except CommitConflict:
        raise
    except CommitRefused:
        if at_once:
            _distrust(peers)
        raise
    if at_once:
        peers.respite.succeeded()
    return prepared


def _distrust(peers: PeerRing) -> None:
    """Leave all peers that endorsed: the word of one of them counted for nothing, and which one nobody tells."""
    for organisation in peers.organisations:
        organisation.leave(organisation.current)
    peers.respite.failed(spoilt=True)


def _endorsed(peers: PeerRing, proposal: SignedProposal) -> tuple[Any, bool]:
    """Return the endorsed transaction, and whether known peers endorsed it.

    A refusal or a difference counts when it is repeated: one peer may be a block behind for some milliseconds.
    """
    for pause in _BEHIND_SECONDS:
        try:
            return _at_once(peers, proposal)
        except (ChaincodeRefused, EndorsementsDiffer) as error:
            log.info("ledger.refused_at_first", extra={"reason": str(error)[:300]})
            time.sleep(pause)
    return _by_gateway(peers, proposal), False


def _at_once(peers: PeerRing, proposal: SignedProposal) -> tuple[Any, bool]:
    """Let all organisations endorse at the same time, if their peers are known and can; else ask the Gateway."""
    if len(peers.organisations) > 1 and not peers.respite.lasts:
        try:
            return endorse(peers, proposal, seconds=CALL_SECONDS), True
        except (PeerUnavailable, EndorseFailed) as error:
            peers.respite.failed()
            log.warning("ledger.left_to_gateway", extra={"error": str(error)[:300]})
    return _by_gateway(peers, proposal), False


def _by_gateway(peers: PeerRing, proposal: SignedProposal) -> Any:
    return _patiently(
        peers,
        lambda gateway: gateway.endorse(proposal, seconds=CALL_SECONDS),
        PeerUnavailable,
        EndorseFailed,
    )


def _patiently(peers: PeerRing, question: Callable[[Gateway], T], *unknown: type[FabricError]) -> T:
    """Ask again, of another peer each time, while the outcome is not known; the question has to bear it."""
    end = time.monotonic() + STAGE_SECONDS
    pause = _FIRST_PAUSE
    while True:
        peer = peers.current
        try:
            return question(peer.gateway)
        except unknown as error:
            if time.monotonic() + pause >= end:
                raise
            log.warning("ledger.asked_again", extra={"peer": peer.address, "error": str(error)[:300]})
        peers.leave(peer)
        # Not all at the same moment: many may wait for the same leader.
        time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
        pause = min(pause * 2, _LONGEST_PAUSE)
