"""`World`'s ledger on the chaincode server, with a fake peer instead of a network: time is the test's."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.support.embedded import signed, signing_key
from tests.support.fabric.fake_peer import FakePeer
from wire.codec import from_plain
from wire.ledger import names
from wire.ledger.blocks import Event, OperationResult, TransactionBody
from wire.ledger.packing import packed


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a transaction."""

    results: tuple[Any, ...]
    events: tuple[Any, ...]


class Emulated:
    """A ledger that has begun with `KEYS`."""

    def __init__(self, peer: FakePeer, genesis: str) -> None:
        self.peer = peer
        began = peer.call(names.GENESIS, genesis)
        assert began.status == 200, began.message
        self._count = 0

    def run(self, creator: str, timestamp_ms: int, operations: Sequence[str]) -> Outcome:
        """Send one transaction."""
        self._count += 1
        body = TransactionBody(
            transaction_id=f"tx-{self._count}", timestamp_ms=timestamp_ms, operations=tuple(operations)
        )
        done = self.peer.call(names.SUBMIT, packed(signed(body, signing_key(creator))), timestamp_ms=timestamp_ms)
        assert done.status == 200, done.message
        events = json.loads(done.event or "[]")
        return Outcome(results=results_of(done.payload), events=tuple(from_plain(Event, event) for event in events))

    def items(self, prefix: str) -> list[tuple[str, str]]:
        """Return the contracts' keys and values."""
        return [
            item for item in sorted(self.peer.state.items()) if item[0].startswith(prefix) and not names.is_own(item[0])
        ]


def results_of(payload: bytes) -> tuple[Any, ...]:
    """Return the results in a transaction's answer."""
    return tuple(from_plain(OperationResult, result) for result in json.loads(payload))
