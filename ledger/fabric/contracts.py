"""The contracts on a Fabric network as a client calls them. Fabric's errors come out in the port's words."""

from collections.abc import Sequence
from typing import Any

from fabric_client.blocks import chaincode_transaction
from fabric_client.committing import CALL_SECONDS, commit
from fabric_client.errors import AlreadyKnown, ChaincodeRefused
from fabric_client.peers import PeerRing
from fabric_client.proposals import ChaincodeCall, SignedProposal, propose
from ledger.errors import LedgerDamaged, TransactionRefused
from ledger.fabric.errors import TransactionInvalid, in_our_words
from ledger.fabric.mapping import body_of, nonce_of, record_of
from wire.errors import WireError
from wire.ledger import names
from wire.ledger.blocks import TransactionRecord
from wire.ledger.packing import packed

_VALID = 0
_CONFLICT = 409


class Contracts:
    """The contracts, through whichever peer can be used."""

    def __init__(self, peers: PeerRing, *, channel: str, chaincode: str) -> None:
        self._peers = peers
        self._channel = channel
        self._chaincode = chaincode

    def evaluate(self, function: str, *arguments: str, timestamp_ms: int | None = None) -> bytes:
        """Ask one peer, now or as of another time; nothing is written."""
        at = {} if timestamp_ms is None else {"timestamp_ms": timestamp_ms}
        with in_our_words():
            proposal = propose(self._peers.identity, self._call(function, arguments, **at))
            return self._peers.ask(lambda gateway: gateway.evaluate(proposal, seconds=CALL_SECONDS))

    def transaction(self, transaction_id: str) -> TransactionRecord | None:
        """Return a committed transaction; None when it is in no block."""
        fabric_id = self.evaluate(names.RECORDED, transaction_id).decode()
        if fabric_id == names.UNKNOWN:
            return None
        with in_our_words():
            found = self._peers.ask(lambda gateway: gateway.find(self._channel, fabric_id, seconds=CALL_SECONDS))
        if found is None or found.validationCode != _VALID:
            return None
        transaction = chaincode_transaction(found.transactionEnvelope)
        return record_of(transaction) if transaction else None

    def submit(self, envelope: str) -> TransactionRecord:
        """Commit one signed transaction and return what became of each of its operations.

        The same transaction again returns what was recorded.

        :raises TransactionRefused: when the contracts do not take it for what is in it.
        :raises ReadConflict: when another transaction changed what it had read; a new one may be tried.
        :raises CommitUnknown: when it was handed to the orderers and no peer told in time what became of it.
        """
        try:
            body = body_of(envelope)
        except WireError as error:
            raise TransactionRefused(str(error)) from error
        nonce = nonce_of(body.transaction_id)
        call = self._call(names.SUBMIT, (packed(envelope),), timestamp_ms=body.timestamp_ms, nonce=nonce)
        try:
            with in_our_words():
                return self._committed(propose(self._peers.identity, call))
        except _Recorded:
            return self._recorded(body.transaction_id, envelope)

    def _committed(self, proposal: SignedProposal) -> TransactionRecord:
        try:
            prepared = commit(self._peers, proposal)
        except AlreadyKnown as error:
            raise _Recorded from error
        except ChaincodeRefused as error:
            if error.status == _CONFLICT:
                raise _Recorded from error
            raise
        transaction = chaincode_transaction(prepared)
        record = record_of(transaction) if transaction else None
        if record is None:
            raise LedgerDamaged(f"transaction {proposal.transaction_id} is not what was proposed")
        return record

    def _recorded(self, transaction_id: str, envelope: str) -> TransactionRecord:
        """Return the transaction of this id that is in a block, if it is the same."""
        record = self.transaction(transaction_id)
        if record is None:
            # A block holds it, and it changed nothing: its id in Fabric is used up.
            raise TransactionInvalid(f"transaction {transaction_id} was committed as not valid")
        if body_of(record.envelope) != body_of(envelope):
            raise TransactionRefused(f"transaction {transaction_id} was recorded with other content")
        return record

    def _call(self, function: str, arguments: Sequence[str], **other: Any) -> ChaincodeCall:
        return ChaincodeCall(
            channel=self._channel,
            chaincode=self._chaincode,
            function=function,
            arguments=tuple(argument.encode() for argument in arguments),
            **other,
        )


class _Recorded(Exception):
    """A transaction of this id is in a block already."""
