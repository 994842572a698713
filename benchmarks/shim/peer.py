"""A peer's side of the shim protocol, as little of it as the benchmark needs: one transaction at a time."""

import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any, Self

import grpc
from fabric_protos.peer import chaincode_pb2, proposal_response_pb2
from fabric_protos.peer import chaincode_shim_pb2 as shim

from fabric_client.identity import Identity
from fabric_client.proposals import ChaincodeCall, propose
from wire.signing import SigningKey

_CHANNEL = "benchmark"
_SECONDS = 20.0
Message = shim.ChaincodeMessage


class Stalled(Exception):
    """The server said nothing for a long time."""


class Peer:
    """One stream to a chaincode server; `gathers`: reads and writes may come many in a message."""

    def __init__(self, address: str, *, gathers: bool) -> None:
        self._identity = Identity(msp_id="Benchmark", certificate=b"none", key=SigningKey.generate())
        self._gathers = gathers
        self._out: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._in: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._grpc = grpc.insecure_channel(address)
        grpc.channel_ready_future(self._grpc).result(_SECONDS)
        connect: Any = self._grpc.stream_stream(
            "/protos.Chaincode/Connect", lambda message: message.SerializeToString(), Message.FromString
        )
        self._stream = connect(iter(self._out.get, None))
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Self:
        self._next()
        self._out.put(Message(type=Message.REGISTERED))
        able = chaincode_pb2.ChaincodeAdditionalParams(
            use_write_batch=self._gathers,
            max_size_write_batch=1000,
            use_get_multiple_keys=self._gathers,
            max_size_get_multiple_keys=1000,
        )
        self._out.put(Message(type=Message.READY, payload=able.SerializeToString()))
        return self

    def __exit__(self, *_: object) -> None:
        self._out.put(None)
        self._stream.cancel()
        self._grpc.close()

    def run(self, keys: list[bytes]) -> None:
        """Let a transaction read and write these keys.

        :raises Stalled: when the server does not go on.
        """
        call = ChaincodeCall(channel=_CHANNEL, chaincode="benchmark", function="touch", arguments=tuple(keys))
        proposal = propose(self._identity, call)
        given = chaincode_pb2.ChaincodeInput(args=[b"touch", *keys])
        message = Message(
            type=Message.TRANSACTION,
            txid=proposal.transaction_id,
            channel_id=_CHANNEL,
            payload=given.SerializeToString(),
            proposal=proposal.signed,
        )
        self._out.put(message)
        while (said := self._next()).type != Message.COMPLETED:
            answer = _ANSWERS[said.type](said.payload)
            self._out.put(Message(type=Message.RESPONSE, txid=said.txid, channel_id=_CHANNEL, payload=answer))
        response = proposal_response_pb2.Response.FromString(said.payload)
        if response.status != 200:
            raise Stalled(response.message)

    def _next(self) -> Any:
        try:
            message = self._in.get(timeout=_SECONDS)
        except queue.Empty as error:
            raise Stalled(f"nothing came for {_SECONDS:g} s") from error
        if message is None:
            raise Stalled("the server has ended the stream")
        return message

    def _read(self) -> None:
        try:
            for message in self._stream:
                self._in.put(message)
        except grpc.RpcError:
            self._in.put(None)


def _values(payload: bytes) -> bytes:
    keys = shim.GetStateMultiple.FromString(payload).keys
    return bytes(shim.GetStateMultipleResult(values=[b"y" * 200 for _ in keys]).SerializeToString())


_ANSWERS: Mapping[int, Callable[[bytes], bytes]] = {
    Message.GET_STATE: lambda _: b"y" * 200,
    Message.GET_STATE_MULTIPLE: _values,
    Message.PUT_STATE: lambda _: b"",
    Message.WRITE_BATCH_STATE: lambda _: b"",
}
