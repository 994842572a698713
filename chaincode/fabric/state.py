"""The world state through the peer: gathered reads and writes where it can, else one key at a time."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice

from fabric_protos.ledger.queryresult import kv_query_result_pb2
from fabric_protos.peer import chaincode_shim_pb2 as shim

from chaincode.fabric.conversation import Conversation, Message
from wire.ledger import names

_FIRST_KEY = "\x01"


def read(conversation: Conversation, keys: Sequence[str]) -> dict[str, bytes]:
    """Return the values of those keys that have one."""
    found: dict[str, bytes] = {}
    if not conversation.abilities.largest_read:
        for key in keys:
            found[key] = conversation.ask(Message.GET_STATE, shim.GetState(key=key))
    for part in _parts(keys, conversation.abilities.largest_read):
        answer = conversation.ask(Message.GET_STATE_MULTIPLE, shim.GetStateMultiple(keys=part))
        found.update(zip(part, shim.GetStateMultipleResult.FromString(answer).values, strict=True))
    return {key: value for key, value in found.items() if value}


def write(conversation: Conversation, writes: Mapping[str, bytes | None]) -> None:
    """Write values; delete the keys whose value is None."""
    if not conversation.abilities.largest_write:
        for key, value in writes.items():
            _write_one(conversation, key, value)
    for part in _parts(tuple(writes), conversation.abilities.largest_write):
        records = [_record(key, writes[key]) for key in part]
        conversation.ask(Message.WRITE_BATCH_STATE, shim.WriteBatchState(rec=records))


def items(conversation: Conversation, prefix: str, after: str = "") -> Generator[tuple[str, bytes], None, None]:
    """Yield the contracts' keys that begin with `prefix` and come after `after`, with their values, in order."""
    # The end of a range is not part of it, its beginning is: the next key after one is that one and a zero character.
    first = f"{after}\x00" if after else prefix or _FIRST_KEY
    end = prefix[:-1] + chr(ord(prefix[-1]) + 1) if prefix else ""
    for start, stop in names.without_own(first, end):
        question = shim.GetStateByRange(startKey=start, endKey=stop)
        with closing(_results(conversation, conversation.ask(Message.GET_STATE_BY_RANGE, question))) as results:
            for result in results:
                found = kv_query_result_pb2.KV.FromString(result)
                yield found.key, found.value


def history(conversation: Conversation, key: str) -> Generator[tuple[str, int, bytes | None], None, None]:
    """Yield each change of a key: the id and time of its transaction in Fabric, and the value; None for a deletion."""
    question = shim.GetHistoryForKey(key=key)
    with closing(_results(conversation, conversation.ask(Message.GET_HISTORY_FOR_KEY, question))) as results:
        for result in results:
            change = kv_query_result_pb2.KeyModification.FromString(result)
            yield change.tx_id, change.timestamp.ToMilliseconds(), None if change.is_delete else change.value


def _results(conversation: Conversation, first: bytes) -> Generator[bytes, None, None]:
    answer = shim.QueryResponse.FromString(first)
    try:
        while True:
            yield from (result.resultBytes for result in answer.results)
            if not answer.has_more:
                return
            more = conversation.ask(Message.QUERY_STATE_NEXT, shim.QueryStateNext(id=answer.id))
            answer = shim.QueryResponse.FromString(more)
    finally:
        # The peer closes a query by itself once it has told everything.
        if answer.has_more:
            conversation.ask(Message.QUERY_STATE_CLOSE, shim.QueryStateClose(id=answer.id))


def _parts(keys: Sequence[str], size: int) -> Iterator[list[str]]:
    rest = iter(keys if size else ())
    while part := list(islice(rest, size)):
        yield part


def _record(key: str, value: bytes | None) -> shim.WriteRecord:
    if value is None:
        return shim.WriteRecord(key=key, type=shim.WriteRecord.DEL_STATE)
    return shim.WriteRecord(key=key, value=value, type=shim.WriteRecord.PUT_STATE)


def _write_one(conversation: Conversation, key: str, value: bytes | None) -> None:
    if value is None:
        conversation.ask(Message.DEL_STATE, shim.DelState(key=key))
    else:
        conversation.ask(Message.PUT_STATE, shim.PutState(key=key, value=value))
