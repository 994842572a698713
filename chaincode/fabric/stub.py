"""The contracts' view of Fabric's world state, for one transaction."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from chaincode.fabric import state
from chaincode.fabric.conversation import Conversation
from chaincode.fabric.errors import CONFLICT, FunctionRefused
from wire.ledger import names
from wire.ledger.blocks import Event


@dataclass(frozen=True, kw_only=True, slots=True)
class FabricStub:
    """Reads and writes through the peer; what was read once is not asked for again."""

    conversation: Conversation
    transaction_id: str
    timestamp_ms: int
    #: Key id of the submitter.
    creator: str
    events: list[Event] = field(default_factory=list)
    #: What was read before; None where the ledger holds nothing.
    read: dict[str, str | None] = field(default_factory=dict)

    def get_many(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Return the values of those keys that have one."""
        # Whether the transaction was recorded before is asked in the same breath.
        wanted = dict.fromkeys((*keys, names.recorded(self.transaction_id)))
        unknown = [key for key in wanted if key not in self.read]
        found = state.read(self.conversation, unknown) if unknown else {}
        self.read.update((key, found[key].decode() if key in found else None) for key in unknown)
        return {key: value for key in keys if (value := self.read[key]) is not None}

    def items(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Yield the contracts' keys that begin with `prefix` and their values, in order."""
        for key, value in state.items(self.conversation, prefix):
            yield key, value.decode()

    def put_many(self, writes: Mapping[str, str | None]) -> None:
        """Write values, delete the keys whose value is None, and write that the transaction is recorded.

        :raises FunctionRefused: when it was recorded before.
        """
        place = names.recorded(self.transaction_id)
        if self.read.get(place) is not None:
            raise FunctionRefused(CONFLICT, f"transaction {self.transaction_id} was recorded before")
        encoded = {key: None if value is None else value.encode() for key, value in writes.items()}
        state.write(self.conversation, {**encoded, place: self.conversation.request.txid.encode()})

    def emit(self, events: Iterable[Event]) -> None:
        """Keep the events for the transaction's one event of Fabric's."""
        self.events.extend(events)
