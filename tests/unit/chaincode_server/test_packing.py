"""Large transactions are deflated on the way; what cannot be inflated, or never ends, is refused."""

import base64
import zlib

import pytest

from tests.support.fabric.fake_peer import FakePeer
from tests.support.ledger import KEYS
from wire.errors import Malformed
from wire.ledger import names
from wire.ledger.packing import opened, packed, unpacked
from wire.signing import TRANSACTION, Jws

LARGE = KEYS.controller.sign(b'{"operations":["' + b"all of them are alike " * 1_000 + b'"]}', TRANSACTION)
HEADER, _, SIGNATURE = LARGE.split(".")


def deflated(content: bytes) -> str:
    return base64.urlsafe_b64encode(zlib.compress(content)).rstrip(b"=").decode()


def test_a_large_transaction_is_sent_in_fewer_bytes_and_comes_out_the_same() -> None:
    sent = packed(LARGE)

    assert len(sent) < len(LARGE) / 10
    assert unpacked(sent) == LARGE
    assert opened(sent) == opened(LARGE) == Jws.read(LARGE)


@pytest.mark.parametrize("text", [KEYS.controller.sign(b"{}", TRANSACTION), "", "no JWS at all", "x" * 10_000])
def test_a_small_transaction_and_what_is_none_are_left_as_they_are(text: str) -> None:
    assert packed(text) == text
    assert unpacked(text) == text


def test_a_payload_of_the_largest_size_is_taken() -> None:
    content = b"0" * (4 * 1024 * 1024)

    assert unpacked(f"z.{HEADER}.{deflated(content)}.{SIGNATURE}").split(".")[1].startswith("MDAw")


@pytest.mark.parametrize(
    "text",
    [
        "z.",
        "z.a.b",
        f"z.{HEADER}.{HEADER}.{SIGNATURE}",
        f"z.{HEADER}.{deflated(b'cut off' * 100)[:-20]}.{SIGNATURE}",
        f"z.{HEADER}.{deflated(b'0' * 50_000_000)}.{SIGNATURE}",
        f"z.{HEADER}.{deflated(b'0' * (4 * 1024 * 1024 + 1))}.{SIGNATURE}",
        f"z.{HEADER}.{deflated(b'{}') + deflated(b'and more')}.{SIGNATURE}",
    ],
    ids=["nothing", "two parts", "not deflated", "cut off", "a bomb", "a byte too much", "more behind it"],
)
def test_what_cannot_be_inflated_is_refused(peer: FakePeer, text: str) -> None:
    for reader in (unpacked, opened):
        with pytest.raises(Malformed):
            reader(text)
    assert peer.call(names.SUBMIT, text).status == 400
