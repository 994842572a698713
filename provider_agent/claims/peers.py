"""Claims by this machine's own hand: to any peer of the Fabric network, without portal, scheduler or broker."""

import json
import uuid
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Self

from fabric_client.errors import (
    ChaincodeRefused,
    CommitConflict,
    CommitStatusUnknown,
    EndorseFailed,
    EndorsementsDiffer,
    FabricError,
    NotPermitted,
    PeerUnavailable,
    SubmitUnknown,
)
from fabric_client.identity import Identity
from fabric_client.peers import PeerEndpoint, PeerRing
from ledger.errors import LedgerError
from ledger.fabric.contracts import Contracts
from provider_agent.errors import AgentError
from provider_agent.machine.portal import OperationAnswer
from provider_agent.ports import Clock
from wire import signing
from wire.codec import decode, encode
from wire.enrolment import JobQuery, Membership
from wire.ledger import names
from wire.ledger.blocks import OperationResult, OperationStatus, TransactionBody
from wire.ledger.operations import Operation
from wire.ledger.states import JobRecordState
from wire.signing import SigningKey, payload_of

#: A transaction that another one was faster than is made anew so often.
_TRIES = 5
#: A peer may be some blocks behind the one that told of the commit: it is asked so often, after so long a pause.
_QUESTIONS, _PAUSE_SECONDS = 20, 0.25
#: States of a job that a claim which was taken has left behind.
_BEFORE = frozenset(
    {"", JobRecordState.CREATED, JobRecordState.RECEIPTED, JobRecordState.CONFIRMED, JobRecordState.SUPERSEDED}
)


class NetworkFailed(AgentError):
    """The network did not take a claim or a question; the message says what to do."""


class PeerLedger:
    """The ledger as a provider reaches it through the peers' Gateways.

    :raises NetworkFailed: by each call, when no peer can be used.
    """

    def __init__(
        self, membership: Membership, key: SigningKey, *, clock: Clock, pause: Callable[[float], object]
    ) -> None:
        identity = Identity(msp_id=membership.msp_id, certificate=membership.certificate_pem.encode(), key=key)
        endpoints = [
            PeerEndpoint(address=peer.address, tls_root=peer.tls_root_pem.encode()) for peer in membership.peers
        ]
        if not endpoints:
            raise NetworkFailed("no peer of the network is known: chainfaas-agent renew")
        self._peers = PeerRing(endpoints, identity)
        self._contracts = Contracts(self._peers, channel=membership.channel, chaincode=membership.chaincode)
        self._membership = membership
        self._key = key
        self._clock = clock
        self._pause = pause

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._peers.close()

    def submit(self, operation: str) -> OperationAnswer:
        """Commit an operation that this machine signed; one that was committed before changes nothing."""
        content = decode(Operation, payload_of(operation))
        operation_id, job_id = content.operation_id, str(content.arguments["job_id"])
        before = self.job_state(job_id)
        if before == JobRecordState.SETTLED:
            return OperationAnswer(operation_id=operation_id, state="committed", reason="", job_state=before)
        result = self._committed(operation)
        if result.status is OperationStatus.REFUSED:
            reason = ": ".join(part for part in (result.reason, result.detail) if part)
            return OperationAnswer(operation_id=operation_id, state="refused", reason=reason, job_state=before)
        return OperationAnswer(
            operation_id=operation_id,
            state="committed",
            reason="",
            job_state=self._state_after(job_id),
            is_new=result.status is OperationStatus.APPLIED,
        )

    def job_state(self, job_id: str) -> str:
        """Return the state of a job of this machine's; empty when the ledger has none."""
        now_ms = self._clock()
        query = self._key.sign(encode(JobQuery(job_id=job_id, asked_at_ms=now_ms)), signing.QUERY)
        try:
            return str(json.loads(self._contracts.evaluate(names.OWN_JOB, query, timestamp_ms=now_ms))["state"])
        except LedgerError as error:
            if isinstance(error.__cause__, ChaincodeRefused) and error.__cause__.status == HTTPStatus.NOT_FOUND:
                return ""
            raise self._explained(error) from error

    def _state_after(self, job_id: str) -> str:
        for _ in range(_QUESTIONS):
            if (state := self.job_state(job_id)) not in _BEFORE:
                return state
            self._pause(_PAUSE_SECONDS)
        return state

    def _committed(self, operation: str) -> OperationResult:
        """Return what the contracts answered to an operation."""
        for _ in range(_TRIES):
            body = TransactionBody(
                transaction_id=f"claim-{uuid.uuid4().hex}", timestamp_ms=self._clock(), operations=(operation,)
            )
            try:
                (result,) = self._contracts.submit(self._key.sign(encode(body), signing.TRANSACTION)).results
            except LedgerError as error:
                if not isinstance(error.__cause__, CommitConflict):
                    raise self._explained(error) from error
                last = error
            else:
                return result
        raise NetworkFailed(f"other transactions were faster {_TRIES} times: claim it again") from last

    def _explained(self, error: LedgerError) -> NetworkFailed:
        """Return an error with what to do about it."""
        asked = ", ".join(peer.address for peer in self._membership.peers)
        cause = error.__cause__
        if isinstance(cause, ChaincodeRefused):
            return NetworkFailed(f"the ledger refuses: {cause.reason}")
        advice = next((text for kind, text in _ADVICE.items() if isinstance(cause, kind)), "the network failed")
        return NetworkFailed(f"{advice} (peers: {asked}; {error})")


_UNKNOWN = "the claim was handed over and nobody said in time what became of it: claim it again, that is harmless"
_ADVICE: Mapping[type[FabricError], str] = {
    SubmitUnknown: _UNKNOWN,
    CommitStatusUnknown: _UNKNOWN,
    PeerUnavailable: "no peer of the network answers: check this machine's network, try again later, "
    "or claim with --through portal",
    EndorsementsDiffer: "the peers do not agree on the newest state: claim it again",
    EndorseFailed: "the peers cannot endorse now: a peer and the chaincode of both organisations have to run; "
    "try again later",
    NotPermitted: "the network does not accept this machine: its certificate ended or was revoked "
    "(chainfaas-agent renew), or its clock is wrong (chainfaas-agent doctor)",
}
