"""What the chaincode refuses as a whole; and that nothing in an argument brings its server down."""

import os

import pytest

from chaincode.fabric.functions import FUNCTIONS
from tests.support.embedded import signed
from tests.support.fabric.emulated import Emulated
from tests.support.fabric.fake_peer import FakePeer
from tests.support.ledger import KEYS, NOON
from wire.ledger import names
from wire.ledger.blocks import TransactionBody
from wire.ledger.records import FeePolicy

GENESIS = KEYS.genesis().text()
#: Nested deeper than Python's parser goes.
DEEP = b"[" * 100_000
MALFORMED: tuple[bytes, ...] = (
    b"",
    b"\xff\xfe",
    b"null",
    b"{}",
    DEEP,
    b"\x00",
    b"a.b.c",
    b"~" * 1_000_000,
    os.urandom(64),
)


def transaction(**changes: object) -> str:
    values = {"transaction_id": "t-1", "timestamp_ms": NOON, "operations": ("{}",), **changes}
    return signed(TransactionBody(**values), KEYS.controller)  # type: ignore[arg-type]


@pytest.mark.parametrize("function", [*FUNCTIONS, "", "_run", "__init__", "no such function"])
def test_no_argument_of_any_function_brings_the_server_down(peer: FakePeer, function: str) -> None:
    for argument in MALFORMED:
        for count in (0, 1, 2, 3):
            peer.call(function, *[argument] * count)
    for proposal in (b"\xff\xff", b"", os.urandom(200)):
        peer.call(function, proposal=proposal)

    assert peer.call(names.PROBE).status == 200


@pytest.mark.parametrize("argument", MALFORMED)
def test_a_malformed_transaction_is_refused_and_writes_nothing(peer: FakePeer, argument: bytes) -> None:
    done = peer.call(names.SUBMIT, argument)

    assert done.status == 400
    assert not done.writes


def test_only_registered_functions_can_be_called(peer: FakePeer) -> None:
    assert peer.call("get_many", "x").status == 404
    assert peer.call().status == 404
    assert peer.call(names.SUBMIT).status == 400


def test_a_ledger_begins_once_and_only_as_the_organisation_agreed(peer: FakePeer) -> None:
    other = KEYS.genesis(FeePolicy(version=1, platform_ppm=999_999, peers_ppm=0)).text()

    assert peer.call(names.GENESIS, other).status == 403
    assert peer.call(names.GENESIS, GENESIS).status == 200
    assert peer.call(names.GENESIS, GENESIS).status == 409


def test_a_transaction_at_another_time_than_its_proposal_is_refused(peer: FakePeer) -> None:
    Emulated(peer, GENESIS)

    assert peer.call(names.SUBMIT, transaction(), timestamp_ms=NOON + 1).status == 400
    assert peer.call(names.SUBMIT, transaction(), timestamp_ms=NOON).status == 200


def test_a_transaction_of_a_key_that_is_not_pinned_is_refused(peer: FakePeer) -> None:
    Emulated(peer, GENESIS)
    body = TransactionBody(transaction_id="t", timestamp_ms=NOON, operations=("{}",))

    refused = peer.call(names.SUBMIT, signed(body, KEYS.stranger), timestamp_ms=NOON)

    assert refused.status == 400
    assert "knows no key" in refused.message


def test_a_recorded_transaction_is_not_recorded_again_whoever_hands_it_in(peer: FakePeer) -> None:
    Emulated(peer, GENESIS)
    assert peer.call(names.SUBMIT, transaction(), timestamp_ms=NOON, transaction_id="a" * 64).status == 200

    again = peer.call(names.SUBMIT, transaction(), timestamp_ms=NOON, transaction_id="b" * 64)

    assert again.status == 409
    assert peer.call(names.RECORDED, "t-1").payload == b"a" * 64
    assert peer.call(names.RECORDED, "t-2").payload == b""
