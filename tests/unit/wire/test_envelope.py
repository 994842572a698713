"""Every message kind goes through its envelope; others are refused by name."""

import pytest

from wire.envelope import KINDS, dump, parse, parse_as
from wire.errors import Malformed, UnknownMessage
from wire.messages import Accepted, Cancel, Started


def test_a_message_comes_back_as_its_own_type() -> None:
    message = Started(job_id="j-1", started_at_ms=5, pull_ms=0)
    assert parse(dump(message)) == message


def test_kinds_are_versioned_and_unique() -> None:
    assert len(KINDS) >= 13
    assert all(kind.rpartition(".")[2].startswith("v") for kind in KINDS)


@pytest.mark.parametrize("text", [b'{"kind":"telepathy.v1"}', b'{"kind":7}', b"{}"])
def test_an_unknown_kind_is_refused(text: bytes) -> None:
    with pytest.raises(UnknownMessage):
        parse(text)


def test_a_missing_field_is_named() -> None:
    with pytest.raises(Malformed, match=r"Cancel\.job_id is missing"):
        parse(b'{"kind":"cancel.v1"}')


def test_another_kind_than_expected_is_refused() -> None:
    with pytest.raises(UnknownMessage, match=r"expected accepted\.v1"):
        parse_as(Accepted, dump(Cancel(job_id="j-1")))
