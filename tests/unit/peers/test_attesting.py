"""The attester signs what its own peer has: once an epoch, for the block that the controller named."""

import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest

from ledger.errors import LedgerUnavailable
from ledger.testing import InMemoryLedger
from peer_operator.attesting import Attester, run
from portal.keys import KeyName
from tests.support.outbox.market import ManualClock, genesis, signing_keys
from wire.codec import decode, encode
from wire.ledger import state_keys
from wire.ledger.blocks import Block, TransactionBody, TransactionRecord
from wire.ledger.clocks import EPOCH_GRACE_MS, EPOCH_MS
from wire.ledger.operations import Approve, Arguments, CheckpointEpoch, RegisterOperator, operation_text
from wire.ledger.records import Attestation, Epoch
from wire.ledger.states import EpochState
from wire.signing import OPERATION, TRANSACTION, SigningKey, sha256_hex

PETER = SigningKey.generate()
RECORDER = signing_keys()[KeyName.RECORDER]


class OwnPeer:
    """An operator's peer; it may be behind, away, or have another block than the rest."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.network = InMemoryLedger(genesis=genesis(), block_key=signing_keys()[KeyName.BLOCK], clock=clock.ms)
        self.behind = 0
        self.is_away = False
        self.forked = False
        self.submitted = 0
        #: So often its Deliver needs longer than a reader waits.
        self.slow = 0

    @property
    def height(self) -> int:
        return self.network.height - self.behind

    def get(self, key: str) -> str | None:
        if self.is_away:
            raise LedgerUnavailable("away")
        return self.network.get(key)

    def blocks(self, first: int, limit: int) -> Sequence[Block]:
        if self.slow:
            self.slow -= 1
            return []
        found = self.network.blocks(first, limit)
        return [replace(block, hash="f" * 64) for block in found] if self.forked else found

    def submit(self, envelope: str) -> TransactionRecord:
        self.submitted += 1
        return self.network.submit(envelope)

    def does(self, arguments: Arguments, name: str, key: SigningKey = RECORDER) -> None:
        text = operation_text(f"{arguments.kind}:{name}", arguments)
        signed = key.sign(text.encode(), OPERATION)
        body = TransactionBody(
            transaction_id=f"{arguments.kind}-{name}", timestamp_ms=self.clock.ms(), operations=(signed,)
        )
        (result,) = self.network.submit(RECORDER.sign(encode(body), TRANSACTION)).results
        assert result.status == "applied", result

    def registers(self) -> None:
        arguments = RegisterOperator(operator_id="peter", public_key_pem=PETER.public.pem)
        ours, theirs = (signing_keys()[name] for name in (KeyName.AUTHORITY_CONTROLLER, KeyName.AUTHORITY_PEERS))
        self.does(arguments, "1", ours)
        proposal = "operator.register:1"
        digest = sha256_hex(operation_text(proposal, arguments).encode())
        self.does(Approve(proposal_id=proposal, digest=digest), "peers:1", theirs)

    def checkpoints(self, name: str = "1") -> int:
        number, newest = self.clock.ms() // EPOCH_MS, self.network.blocks(self.network.height - 1, 1)[0]
        arguments = CheckpointEpoch(epoch=number, block_number=newest.number, block_hash=newest.hash)
        self.does(arguments, name)
        return number

    def said(self, epoch: int) -> Attestation:
        text = self.network.get(state_keys.attestation(epoch, "peter"))
        assert text is not None
        return decode(Attestation, text)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def peer(clock: ManualClock) -> OwnPeer:
    return OwnPeer(clock)


@pytest.fixture
def attester(peer: OwnPeer, clock: ManualClock) -> Attester:
    return Attester(peer, "peter", PETER, clock.ms)


def test_it_attests_each_epoch_once(peer: OwnPeer, attester: Attester) -> None:
    peer.registers()
    assert attester.step() == "waiting for the next epoch"
    epoch = peer.checkpoints()

    assert attester.step() == f"epoch {epoch} is attested at height {peer.height - 1}"
    assert attester.step() == f"epoch {epoch} is attested"

    assert (peer.said(epoch).agrees, peer.submitted) == (True, 1)


def test_it_waits_until_it_is_taken_in(peer: OwnPeer, attester: Attester, clock: ManualClock) -> None:
    assert attester.step() == "waiting: both organisations have to take this operator in"
    peer.checkpoints()
    clock.forward(seconds=1)
    peer.registers()

    assert "began before this operator was taken in" in attester.step()
    assert peer.submitted == 0


def test_a_peer_that_is_behind_attests_once_it_has_the_block(peer: OwnPeer, attester: Attester) -> None:
    peer.registers()
    epoch = peer.checkpoints()
    peer.behind = 2

    assert attester.step().startswith("waiting: this peer has")
    peer.behind = 0
    attester.step()

    assert peer.said(epoch).agrees


def test_a_peer_whose_blocks_take_their_time_attests_all_the_same(peer: OwnPeer, attester: Attester) -> None:
    peer.registers()
    epoch = peer.checkpoints()
    peer.slow = 2

    attester.step()

    assert peer.said(epoch).agrees


def test_it_says_what_its_own_peer_has_even_if_that_differs(
    peer: OwnPeer, attester: Attester, caplog: pytest.LogCaptureFixture
) -> None:
    peer.registers()
    epoch = peer.checkpoints()
    peer.forked = True

    attester.step()

    assert (peer.said(epoch).agrees, peer.said(epoch).block_hash) == (False, "f" * 64)
    assert [record.message for record in caplog.records if record.levelname == "CRITICAL"] == ["epoch.contradicts"]


def test_an_epoch_that_the_controller_leaves_open_is_closed_by_an_operator(
    peer: OwnPeer, attester: Attester, clock: ManualClock
) -> None:
    peer.registers()
    epoch = peer.checkpoints()
    clock.forward(milliseconds=(epoch + 1) * EPOCH_MS + EPOCH_GRACE_MS - clock.ms())
    assert attester.step() == "waiting for the epoch's end"

    clock.forward(minutes=5)

    assert attester.step() == f"epoch {epoch}: closed"
    text = peer.network.get(state_keys.epoch())
    assert text is not None
    assert decode(Epoch, text).state is EpochState.UNSHARED


def test_a_peer_that_does_not_answer_is_asked_again(peer: OwnPeer, attester: Attester) -> None:
    noted: list[str] = []
    peer.is_away = True

    class Once(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002 - Python's own signature
            stop = not peer.is_away
            peer.is_away = False
            if stop:
                self.set()
            return stop

    run(attester, Once(), noted.append)

    assert noted == ["trying again: away", "waiting: both organisations have to take this operator in"]
