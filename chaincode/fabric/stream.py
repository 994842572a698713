"""One peer's stream: one reader, one writer, any number of transactions at the same time.

gRPC takes messages of a stream from one iterator, so everything that is sent goes through one queue.
"""

import logging
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import grpc
from fabric_protos.peer import chaincode_pb2
from google.protobuf.message import DecodeError

from chaincode.fabric.conversation import Abilities, Conversation, Message

log = logging.getLogger(__name__)

_ANSWERS = frozenset({Message.RESPONSE, Message.ERROR})
_REQUESTS = frozenset({Message.TRANSACTION, Message.INIT})
#: Runs a transaction on a thread of its own; False when there are too many.
Run = Callable[[Conversation, Callable[[Conversation], None]], bool]


class PeerStream:
    """The messages of one peer."""

    def __init__(self, package_id: str, run: Run) -> None:
        self._package_id = package_id
        self._run = run
        self._outgoing: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._open: dict[tuple[str, str], Conversation] = {}
        self._mutex = threading.Lock()
        self._abilities = Abilities()
        self._ended = False

    def outgoing(self, incoming: Iterable[Any]) -> Iterator[Any]:
        """Yield what is to be sent, until the peer or this server ends the stream."""
        name = chaincode_pb2.ChaincodeID(name=self._package_id)
        self._outgoing.put(Message(type=Message.REGISTER, payload=name.SerializeToString()))
        threading.Thread(target=self._read, args=(incoming,), name="peer-stream", daemon=True).start()
        while (message := self._outgoing.get()) is not None:
            yield message

    def end(self) -> None:
        """Send nothing more; transactions that wait for the peer fail."""
        with self._mutex:
            self._ended = True
            waiting = list(self._open.values())
        for conversation in waiting:
            conversation.answers.put(None)
        self._outgoing.put(None)

    def _read(self, incoming: Iterable[Any]) -> None:
        try:
            for message in incoming:
                self._take(message)
        except (grpc.RpcError, DecodeError) as error:
            log.info("chaincode.stream_broken", extra={"reason": str(error)})
        finally:
            self.end()

    def _take(self, message: Any) -> None:
        if message.type in _ANSWERS:
            conversation = self._open.get((message.channel_id, message.txid))
            if conversation is not None:
                conversation.answers.put(message)
        elif message.type in _REQUESTS:
            self._begin(message)
        elif message.type == Message.KEEPALIVE:
            self._outgoing.put(message)
        elif message.type == Message.READY:
            self._abilities = Abilities.of(message.payload)
            log.info("chaincode.peer_ready", extra={"largest_read": self._abilities.largest_read})

    def _begin(self, request: Any) -> None:
        conversation = Conversation(request=request, send=self._outgoing.put, abilities=self._abilities)
        with self._mutex:
            if self._ended or conversation.name in self._open:
                log.warning("chaincode.transaction_ignored", extra={"transaction_id": request.txid})
                return
            self._open[conversation.name] = conversation
        if not self._run(conversation, self._finish):
            self._outgoing.put(conversation.message(Message.ERROR, b"too many transactions at once"))
            self._finish(conversation)

    def _finish(self, conversation: Conversation) -> None:
        with self._mutex:
            self._open.pop(conversation.name, None)
