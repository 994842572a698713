"""The same transactions at the same times: the chaincode and the embedded ledger agree on everything."""

import json
from collections import Counter
from pathlib import Path

import pytest

from chaincode.contracts.execution.registered import TRANSACTIONS
from tests.support.embedded import Recorded
from tests.support.fabric.emulated import Emulated
from tests.support.fabric.fake_peer import FakePeer
from tests.support.operations.anything import GENESIS, MAKERS, Play, Sent
from wire.errors import WireError
from wire.ledger import operations
from wire.ledger.operations import Arguments
from wire.signing import payload_of


@pytest.fixture
def genesis_file(tmp_path: Path) -> Path:
    path = tmp_path / "genesis.json"
    path.write_text(GENESIS.text())
    return path


def _played(steps: int) -> Play:
    play = Play(seed=steps)
    for _ in range(steps):
        play.step()
    return play


@pytest.mark.parametrize("steps", [500, pytest.param(10_000, marks=[pytest.mark.long, pytest.mark.timeout(1800)])])
def test_both_give_the_same_results_refusals_and_state(peer: FakePeer, tmp_path: Path, steps: int) -> None:
    play = _played(steps)
    chaincode = Emulated(peer, GENESIS.text())
    embedded = Recorded(tmp_path / "ledger.sqlite3", GENESIS.fee_policy)

    for sent in play.sent:
        arguments = (sent.creator, sent.timestamp_ms, sent.operations)
        assert chaincode.run(*arguments).results == embedded.run(*arguments).results == sent.results

    assert chaincode.items("") == embedded.items("") == play.state
    embedded.ledger.close()
    told = Counter(result.reason or result.status.value for sent in play.sent for result in sent.results)
    assert len(told) > 15, told


def test_every_kind_of_operation_is_in_the_sequence() -> None:
    every = {
        made.kind
        for made in vars(operations).values()
        if isinstance(made, type) and issubclass(made, Arguments) and made is not Arguments
    }
    assert every == set(TRANSACTIONS) == {kind.kind for kind in MAKERS}

    assert {kind for sent in _played(500).sent for kind in _kinds(sent)} >= every


def test_every_kind_of_operation_succeeds_somewhere_in_the_sequence() -> None:
    sequence = _played(2_000).sent
    applied = {
        kind
        for sent in sequence
        for kind, result in zip(_kinds(sent), sent.results, strict=True)
        if result.status == "applied"
    }
    assert applied >= set(TRANSACTIONS), set(TRANSACTIONS) - applied


def _kinds(sent: Sent) -> list[str]:
    return [_kind(text) for text in sent.operations]


def _kind(text: str) -> str:
    try:
        plain = json.loads(text if text.startswith("{") else payload_of(text))
        return str(plain["kind"])
    except (WireError, ValueError, KeyError, TypeError):
        return ""
