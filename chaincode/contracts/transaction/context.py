"""What a contract's transaction has at hand: the state, the author, the transaction's time and id."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from chaincode.contracts.errors import Refused
from chaincode.contracts.transaction.cache import StateCache
from wire.ledger.blocks import Event
from wire.ledger.records import PinnedKey
from wire.ledger.refusals import Refusal
from wire.ledger.states import KeyRole

T = TypeVar("T")


@dataclass(kw_only=True, slots=True)
class Context:
    """One operation's surroundings. Not frozen, for it crosses no border, and one is made for each operation."""

    cache: StateCache
    transaction_id: str
    timestamp_ms: int
    operation_id: str
    #: The key that signed the operation, else the transaction.
    author: PinnedKey
    events: list[Event] = field(default_factory=list)

    def require(self, *roles: KeyRole) -> None:
        """Let only authors with one of these roles pass.

        :raises Refused: `not_authorised` for all others.
        """
        if self.author.role not in roles:
            wanted = " or ".join(roles)
            raise Refused(Refusal.NOT_AUTHORISED, f"needs the key of {wanted}, was by {self.author.role}")

    def record(self, cls: type[T], key: str, missing: Refusal) -> T:
        """Return the record at a key.

        :raises Refused: with the code `missing` when there is none.
        """
        found = self.cache.get(cls, key)
        if found is None:
            raise Refused(missing)
        return found

    def forget(self) -> None:
        """Undo what the operation did so far: it was only tried."""
        self.cache.undo()
        self.events.clear()

    def emit(self, name: str, subject: str, body: Mapping[str, Any]) -> None:
        """Tell followers what changed."""
        self.events.append(Event(name=name, subject=subject, body=body))
