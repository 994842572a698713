"""A peer's side of the shim protocol over a real socket, with the world state in a dictionary."""

import queue
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Self

import grpc
from fabric_protos.common import common_pb2
from fabric_protos.ledger.queryresult import kv_query_result_pb2
from fabric_protos.msp import identities_pb2
from fabric_protos.peer import chaincode_pb2, proposal_pb2, proposal_response_pb2
from fabric_protos.peer import chaincode_shim_pb2 as shim

from tests.support.fabric.certificates import self_certified

Message = shim.ChaincodeMessage
CHANNEL = "chainfaas"
_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class Completed:
    """What the chaincode answered, and what it wrote."""

    status: int
    message: str
    payload: bytes
    event: bytes
    writes: Mapping[str, str | None]


@dataclass(kw_only=True)
class _Open:
    future: "Future[Completed]" = field(default_factory=Future)
    writes: dict[str, str | None] = field(default_factory=dict)


class FakePeer:
    """Connects to a chaincode server, as a peer does. Writes are applied when a transaction completes."""

    def __init__(self, port: int, *, gathers: bool = True, page: int = 100, credentials: Any = None) -> None:
        address = f"127.0.0.1:{port}"
        options = [("grpc.max_receive_message_length", -1)]
        self._grpc = (
            grpc.secure_channel(address, credentials, options)
            if credentials
            else grpc.insecure_channel(address, options)
        )
        self.state: dict[str, str] = {}
        #: How many messages of each kind came.
        self.kinds: Counter[str] = Counter()
        self.package_id = ""
        #: Answered instead of values, as a peer does when its database fails.
        self.error: bytes | None = None
        #: While it is set, reads are not answered.
        self.silent = False
        self._unanswered: list[Any] = []
        #: Held while a message is counted and taken: who has seen its count may let the peer speak.
        self._taking = threading.Lock()
        #: A peer ends a longer query here, without a word: its `totalQueryLimit`.
        self.query_limit = 100_000
        self._gathers = gathers
        self._page = page
        self._out: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._open: dict[str, _Open] = {}
        self._queries: dict[str, list[Any]] = {}
        self._ready = threading.Event()
        self._count = 0
        connect: Any = self._grpc.stream_stream(
            "/protos.Chaincode/Connect", lambda message: message.SerializeToString(), Message.FromString
        )
        self._stream: Any = connect(iter(self._out.get, None))
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Self:
        assert self._ready.wait(_SECONDS), "the chaincode server did not register"
        return self

    def __exit__(self, *_: object) -> None:
        self._out.put(None)
        self._stream.cancel()
        self._grpc.close()

    def begin(
        self, *arguments: bytes | str, timestamp_ms: int = 0, transaction_id: str = "", proposal: bytes | None = None
    ) -> "Future[Completed]":
        """Send a transaction; its answer comes in the future."""
        self._count += 1
        transaction_id = transaction_id or f"{self._count:064x}"
        opened = _Open()
        self._open[transaction_id] = opened
        encoded = [part.encode() if isinstance(part, str) else part for part in arguments]
        message = Message(
            type=Message.TRANSACTION,
            txid=transaction_id,
            channel_id=CHANNEL,
            payload=chaincode_pb2.ChaincodeInput(args=encoded).SerializeToString(),
        )
        message.proposal.proposal_bytes = _proposal(timestamp_ms) if proposal is None else proposal
        self._out.put(message)
        return opened.future

    def call(self, *arguments: bytes | str, **options: Any) -> Completed:
        """Send a transaction, and return its answer; writes of a good one are applied."""
        return self.begin(*arguments, **options).result(_SECONDS)

    def speak(self) -> None:
        """Answer what was asked meanwhile, and all that comes."""
        with self._taking:
            self.silent = False
            for message in self._unanswered:
                self._answer(message)

    def raw(self, message: Any) -> None:
        """Send any message."""
        self._out.put(message)

    def _read(self) -> None:
        try:
            for message in self._stream:
                with self._taking:
                    self.kinds[Message.Type.Name(message.type)] += 1
                    self._take(message)
        except grpc.RpcError as error:
            for opened in self._open.values():
                opened.future.set_exception(ConnectionError(str(error)))

    def _take(self, message: Any) -> None:
        if message.type == Message.REGISTER:
            self.package_id = chaincode_pb2.ChaincodeID.FromString(message.payload).name
            self._out.put(Message(type=Message.REGISTERED))
            abilities = chaincode_pb2.ChaincodeAdditionalParams()
            if self._gathers:
                abilities.use_write_batch = abilities.use_get_multiple_keys = True
                abilities.max_size_write_batch = abilities.max_size_get_multiple_keys = 3
            self._out.put(Message(type=Message.READY, payload=abilities.SerializeToString()))
            self._ready.set()
        elif message.type == Message.COMPLETED:
            self._complete(message)
        elif message.type == Message.ERROR:
            if opened := self._open.pop(message.txid, None):
                opened.future.set_exception(RuntimeError(message.payload.decode()))
        elif message.type != Message.KEEPALIVE:
            if self.silent:
                self._unanswered.append(message)
            else:
                self._answer(message)

    def _complete(self, message: Any) -> None:
        if (opened := self._open.pop(message.txid, None)) is None:
            # The answer to a message that a test made itself.
            return
        response = proposal_response_pb2.Response.FromString(message.payload)
        if response.status == 200:
            for key, value in opened.writes.items():
                if value is None:
                    self.state.pop(key, None)
                else:
                    self.state[key] = value
        opened.future.set_result(
            Completed(
                status=response.status,
                message=response.message,
                payload=response.payload,
                event=message.chaincode_event.payload,
                writes=opened.writes,
            )
        )

    def _answer(self, message: Any) -> None:
        kind, payload = Message.RESPONSE, b""
        if self.error is not None:
            kind, payload = Message.ERROR, self.error
        else:
            payload = _ANSWERS[message.type](self, message)
        self._out.put(Message(type=kind, payload=payload, txid=message.txid, channel_id=message.channel_id))

    def _get(self, message: Any) -> bytes:
        return self.state.get(shim.GetState.FromString(message.payload).key, "").encode()

    def _get_multiple(self, message: Any) -> bytes:
        keys = shim.GetStateMultiple.FromString(message.payload).keys
        assert len(keys) <= 3
        return _bytes(shim.GetStateMultipleResult(values=[self.state.get(key, "").encode() for key in keys]))

    def _put(self, message: Any) -> bytes:
        put = shim.PutState.FromString(message.payload)
        self._open[message.txid].writes[put.key] = put.value.decode()
        return b""

    def _delete(self, message: Any) -> bytes:
        self._open[message.txid].writes[shim.DelState.FromString(message.payload).key] = None
        return b""

    def _write_batch(self, message: Any) -> bytes:
        records = shim.WriteBatchState.FromString(message.payload).rec
        assert len(records) <= 3
        for record in records:
            deleted = record.type == shim.WriteRecord.DEL_STATE
            self._open[message.txid].writes[record.key] = None if deleted else record.value.decode()
        return b""

    def _range(self, message: Any) -> bytes:
        asked = shim.GetStateByRange.FromString(message.payload)
        found = [
            kv_query_result_pb2.KV(key=key, value=value.encode())
            for key, value in sorted(self.state.items())
            if asked.startKey <= key and (not asked.endKey or key < asked.endKey)
        ]
        return self._first_page(message.txid, found[: self.query_limit])

    def _history(self, message: Any) -> bytes:
        key = shim.GetHistoryForKey.FromString(message.payload).key
        changes = [
            kv_query_result_pb2.KeyModification(tx_id="first", value=self.state.get(key, "").encode()),
            kv_query_result_pb2.KeyModification(tx_id="second", is_delete=True),
        ]
        return self._first_page(message.txid, changes)

    def _first_page(self, name: str, results: Sequence[Any]) -> bytes:
        self._queries[name] = list(results)
        return self._next_page(name)

    def _next_page(self, name: str) -> bytes:
        page, rest = self._queries[name][: self._page], self._queries[name][self._page :]
        self._queries[name] = rest
        if not rest:
            del self._queries[name]
        results = [shim.QueryResultBytes(resultBytes=_bytes(result)) for result in page]
        return _bytes(shim.QueryResponse(results=results, has_more=bool(rest), id=name))

    def _next(self, message: Any) -> bytes:
        return self._next_page(shim.QueryStateNext.FromString(message.payload).id)

    def _close(self, message: Any) -> bytes:
        name = shim.QueryStateClose.FromString(message.payload).id
        del self._queries[name]
        return _bytes(shim.QueryResponse(id=name))


_ANSWERS = {
    Message.GET_STATE: FakePeer._get,
    Message.GET_STATE_MULTIPLE: FakePeer._get_multiple,
    Message.PUT_STATE: FakePeer._put,
    Message.DEL_STATE: FakePeer._delete,
    Message.WRITE_BATCH_STATE: FakePeer._write_batch,
    Message.GET_STATE_BY_RANGE: FakePeer._range,
    Message.GET_HISTORY_FOR_KEY: FakePeer._history,
    Message.QUERY_STATE_NEXT: FakePeer._next,
    Message.QUERY_STATE_CLOSE: FakePeer._close,
}


#: Of a client that may read.
_READER = self_certified("ControllerMSP", "readers").certificate


def _proposal(timestamp_ms: int) -> bytes:
    channel = common_pb2.ChannelHeader(channel_id=CHANNEL)
    channel.timestamp.FromMilliseconds(timestamp_ms)
    creator = _bytes(identities_pb2.SerializedIdentity(mspid="ControllerMSP", id_bytes=_READER))
    signature = common_pb2.SignatureHeader(creator=creator)
    header = common_pb2.Header(channel_header=_bytes(channel), signature_header=_bytes(signature))
    return _bytes(proposal_pb2.Proposal(header=_bytes(header)))


def _bytes(message: Any) -> bytes:
    return bytes(message.SerializeToString())
