"""Sustained load on a Fabric network: clients that each move their own account's money, one transaction at a time."""

import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from ledger.errors import LedgerError
from ledger.fabric.ledger import FabricLedger
from tests.support.fabric.network import FabricNetwork, OnFabric, committed
from tests.support.fabric.proposals import now_ms
from tests.support.ledger import KEYS, World
from wire.ledger.operations import Deposit, operation_text
from wire.signing import OPERATION

CLIENTS = 16


@dataclass(kw_only=True)
class Watch:
    """What the clients have seen together."""

    done: int = 0
    #: How many transactions had to go out again, by error; those that were in a block under Fabric's code.
    again: Counter[str] = field(default_factory=Counter)
    #: Seconds of the slowest transaction, and of the longest time in which none of all clients' was committed.
    slowest: float = 0.0
    silence: float = 0.0
    #: When the transaction began that was the last one to begin of those that are committed.
    newest: float = 0.0
    _heard: float = field(default_factory=time.monotonic)
    _mutex: threading.Lock = field(default_factory=threading.Lock)

    def committed(self, begun: float) -> None:
        """Note a transaction that began then."""
        now = time.monotonic()
        with self._mutex:
            self.done += 1
            self.newest = max(self.newest, begun)
            self.slowest = max(self.slowest, now - begun)
            self.silence = max(self.silence, now - self._heard)
            self._heard = now

    def failed(self, error: LedgerError) -> None:
        """Note a transaction that goes out again."""
        with self._mutex:
            in_a_block = "MVCC_READ_CONFLICT" in str(error)
            self.again["MVCC_READ_CONFLICT" if in_a_block else type(error).__name__] += 1


def world_on(ledger: FabricLedger) -> World:
    """Return a ledger's world whose operations have ids that no other world's on the same ledger have."""
    return World(ledger=OnFabric(ledger), now_ms=now_ms(), _ids=secrets.randbelow(10**12))


def deposit(account_id: str, name: str) -> str:
    """Return custody's order to move one micro-credit into an account's deposit."""
    text = operation_text(f"account.deposit:{name}", Deposit(account_id=account_id, amount_micro=1))
    return KEYS.custody.sign(text.encode(), OPERATION)


def until_committed(ledger: FabricLedger, operations: Sequence[str], watch: Watch) -> list[str]:
    """Submit operations until they are committed and return what became of each."""
    begun = time.monotonic()
    record = committed(ledger, KEYS.controller, operations, failed=watch.failed)
    watch.committed(begun)
    return [result.status.value for result in record.results]


def deposits(network: FabricNetwork, account_id: str, go_on: Callable[[], bool], watch: Watch) -> int:
    """Deposit one micro-credit after the other while `go_on` says so; return how many were."""
    series, count = secrets.token_hex(6), 0
    with network.ledger() as ledger:
        while go_on():
            statuses = until_committed(ledger, [deposit(account_id, f"{series}-{count}")], watch)
            # Repeated: an earlier try of ours, whose answer was lost, has done it.
            assert statuses[0] in {"applied", "repeated"}, statuses
            count += 1
    return count


def at_once(run: Callable[[int], int], clients: int = CLIENTS) -> list[int]:
    """Run something for each client at the same time and return what each returned."""
    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(run, range(clients)))
