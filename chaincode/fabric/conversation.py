"""One transaction's questions to the peer, and the answers: strictly one after the other, over a shared stream."""

import queue
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fabric_protos.peer import chaincode_pb2, chaincode_shim_pb2

from chaincode.fabric.errors import PeerGone, PeerRefused

Message = chaincode_shim_pb2.ChaincodeMessage
#: As long as a peer lets a transaction run.
ANSWER_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Abilities:
    """What the peer said that it can do, beyond the plain messages; 0: it cannot."""

    largest_read: int = 0
    largest_write: int = 0

    @classmethod
    def of(cls, ready: bytes) -> "Abilities":
        """Read them from the content of the peer's READY."""
        told = chaincode_pb2.ChaincodeAdditionalParams.FromString(ready)
        return cls(
            largest_read=told.max_size_get_multiple_keys if told.use_get_multiple_keys else 0,
            largest_write=told.max_size_write_batch if told.use_write_batch else 0,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversation:
    """One transaction, as the peer and this server speak about it."""

    request: Any
    send: Callable[[Any], None]
    abilities: Abilities
    #: Answers of the peer; None when the stream has ended.
    answers: "queue.SimpleQueue[Any]" = field(default_factory=queue.SimpleQueue)

    @property
    def name(self) -> tuple[str, str]:
        """What tells transactions of one stream apart."""
        return self.request.channel_id, self.request.txid

    def ask(self, kind: int, question: Any) -> bytes:
        """Send a question and return the content of the answer.

        :raises PeerRefused: when the peer answers with an error.
        :raises PeerGone: when it does not answer.
        """
        self.send(self.message(kind, question.SerializeToString()))
        try:
            answer = self.answers.get(timeout=ANSWER_SECONDS)
        except queue.Empty as error:
            raise PeerGone(f"no answer within {ANSWER_SECONDS:g} s") from error
        if answer is None:
            raise PeerGone("the stream has ended")
        if answer.type != Message.RESPONSE:
            raise PeerRefused(answer.payload.decode(errors="replace"))
        return bytes(answer.payload)

    def message(self, kind: int, payload: bytes) -> Any:
        """Return a message of this transaction."""
        return Message(type=kind, payload=payload, txid=self.request.txid, channel_id=self.request.channel_id)
