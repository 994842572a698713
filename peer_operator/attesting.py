"""Attesting: each epoch the operator signs what its own peer has as the checkpoint's block, through that peer."""

import logging
import sys
import threading
import time
import uuid
from collections.abc import Callable
from typing import Protocol

from deploy.paths import ROOT
from deploy.servers.process import Program
from ledger.arriving import blocks_between
from ledger.errors import LedgerError
from ledger.ports import BlockSource
from peer_operator.home import OperatorHome
from wire.codec import decode, encode
from wire.ledger import state_keys
from wire.ledger.blocks import OperationResult, OperationStatus, TransactionBody, TransactionRecord
from wire.ledger.clocks import EPOCH_GRACE_MS, EPOCH_MS
from wire.ledger.operations import Arguments, AttestEpoch, CloseEpoch, operation_id_of, operation_text
from wire.ledger.records import Epoch, OperatorRecord
from wire.ledger.states import EpochState
from wire.signing import OPERATION, TRANSACTION, SigningKey

log = logging.getLogger(__name__)

NAME = "attester"
_TURN_SECONDS = 15.0
#: The controller closes epochs; where it does not, any operator does so after this.
_PATIENCE_MS = 5 * 60 * 1000


class AttestingLedger(BlockSource, Protocol):
    """What attesting needs of the operator's own peer."""

    @property
    def height(self) -> int:
        """How many blocks it has."""

    def get(self, key: str) -> str | None:
        """Return the value of a key of the world state."""

    def submit(self, envelope: str) -> TransactionRecord:
        """Commit one signed transaction."""


class Attester:
    """One operator's duties."""

    def __init__(self, ledger: AttestingLedger, operator_id: str, key: SigningKey, clock_ms: Callable[[], int]) -> None:
        self._ledger = ledger
        self._operator_id = operator_id
        self._key = key
        self._clock_ms = clock_ms

    def step(self) -> str:
        """Do what is due, and return in a few words where things stand.

        :raises LedgerError: when the peer does not answer, or the network does not commit; the next turn tries again.
        """
        registered, text = (
            self._ledger.get(state_keys.operator(self._operator_id)),
            self._ledger.get(state_keys.epoch()),
        )
        if registered is None:
            return "waiting: both organisations have to take this operator in"
        epoch = decode(Epoch, text) if text else None
        if epoch is None or epoch.state is not EpochState.OPEN:
            return "waiting for the next epoch"
        end = (epoch.number + 1) * EPOCH_MS + EPOCH_GRACE_MS
        if self._clock_ms() >= end:
            return self._close(epoch) if self._clock_ms() >= end + _PATIENCE_MS else "waiting for the epoch's end"
        if decode(OperatorRecord, registered).registered_at_ms > epoch.checkpointed_at_ms:
            return f"waiting: epoch {epoch.number} began before this operator was taken in"
        if self._ledger.get(state_keys.attestation(epoch.number, self._operator_id)) is not None:
            return f"epoch {epoch.number} is attested"
        return self._attest(epoch)

    def _attest(self, epoch: Epoch) -> str:
        height = self._ledger.height
        if height <= epoch.block_number:
            return f"waiting: this peer has {height} blocks, the checkpoint is block {epoch.block_number}"
        (block,) = blocks_between(self._ledger, epoch.block_number, epoch.block_number + 1)
        said = AttestEpoch(epoch=epoch.number, height=height, block_hash=block.hash)
        if block.hash != epoch.block_hash:
            log.critical("epoch.contradicts", extra={"epoch": epoch.number, "block": epoch.block_number})
        result = self._submit(f"{epoch.number}", said)
        if result.status is OperationStatus.REFUSED:
            return f"epoch {epoch.number} is not attested: {result.detail}"
        return f"epoch {epoch.number} is attested at height {height}"

    def _close(self, epoch: Epoch) -> str:
        result = self._submit(f"{epoch.number}:{uuid.uuid4().hex}", CloseEpoch(epoch=epoch.number))
        return f"epoch {epoch.number}: {'closed' if result.status is OperationStatus.APPLIED else result.detail}"

    def _submit(self, name: str, arguments: Arguments) -> OperationResult:
        text = operation_text(operation_id_of(arguments, self._operator_id, name), arguments)
        body = TransactionBody(
            transaction_id=uuid.uuid4().hex,
            timestamp_ms=self._clock_ms(),
            operations=(self._key.sign(text.encode(), OPERATION),),
        )
        record = self._ledger.submit(self._key.sign(encode(body), TRANSACTION))
        (result,) = record.results
        return result


def run(attester: Attester, stopped: threading.Event, note: Callable[[str], None]) -> None:
    """Work until stopped, and note where things stand; what fails is tried again a turn later."""
    before = ""
    while not stopped.is_set():
        try:
            standing = attester.step()
        except LedgerError as error:
            standing = f"trying again: {error}"
        if standing != before:
            log.info("attester.standing", extra={"standing": standing})
            note(standing)
        before = standing
        stopped.wait(_TURN_SECONDS)


def attester_daemon(home: OperatorHome) -> Program:
    """Return the attester as a process."""
    return Program(
        name=NAME,
        command=[sys.executable, "-m", "peer_operator", "attest", "--data", str(home.root.resolve())],
        directory=home.root,
        environment={"PYTHONPATH": str(ROOT)},
    )


def clock_ms() -> int:
    """Return the time in milliseconds."""
    return time.time_ns() // 1_000_000
