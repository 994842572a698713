"""Runs transactions: each on a thread of a bounded pool, each ending in exactly one message to the peer."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from fabric_protos.peer import chaincode_event_pb2, chaincode_pb2, proposal_response_pb2
from google.protobuf.message import DecodeError

from chaincode.fabric.conversation import Conversation, Message
from chaincode.fabric.errors import BAD_REQUEST, FunctionRefused, PeerGone, PeerRefused
from chaincode.fabric.functions import FunctionAnswer, FunctionCall, answered, chosen
from chaincode.fabric.proposal import proposer_of
from wire.ledger import names

log = logging.getLogger(__name__)

OK, BROKEN = 200, 500
THREADS = 16
#: Running and waiting; a peer's gateway sends at most 500 at once.
MAX_OPEN = 1_000


class Transactions:
    """The transactions of all peers."""

    def __init__(self, genesis_file: Path) -> None:
        self._genesis_file = genesis_file
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="transaction")
        self._places = threading.BoundedSemaphore(MAX_OPEN)
        self._changed = threading.Condition()
        self._running = 0
        #: How many were answered, by status.
        self.answered: dict[int, int] = {}

    def run(self, conversation: Conversation, finished: Callable[[Conversation], None]) -> bool:
        """Run a transaction soon; return False when there are too many."""
        if not self._places.acquire(blocking=False):
            return False
        try:
            self._pool.submit(self._run, conversation, finished)
        except RuntimeError:
            # It stops: the peer takes another server, or this one when it is back.
            self._places.release()
            return False
        return True

    def drain(self, seconds: float) -> None:
        """Begin no further transaction, and wait for those that run, but not for ever."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        with self._changed:
            self._changed.wait_for(lambda: self._running == 0, seconds)

    def _run(self, conversation: Conversation, finished: Callable[[Conversation], None]) -> None:
        with self._changed:
            self._running += 1
        status, message = self._answer(conversation)
        # The peer may use the id again as soon as it has the answer.
        finished(conversation)
        self._places.release()
        if message is not None:
            conversation.send(message)
        with self._changed:
            self._running -= 1
            self.answered[status] = self.answered.get(status, 0) + 1
            self._changed.notify_all()

    def _answer(self, conversation: Conversation) -> tuple[int, Any]:
        ids = {"transaction_id": conversation.request.txid, "channel": conversation.request.channel_id}
        try:
            return OK, _completed(conversation, self._call(conversation))
        except FunctionRefused as refused:
            return refused.status, _refused(conversation, refused.status, str(refused))
        except PeerRefused as error:
            log.warning("chaincode.peer_refused", extra={**ids, "reason": str(error)})
            return BROKEN, _refused(conversation, BROKEN, f"the peer: {error}")
        except PeerGone as error:
            log.warning("chaincode.peer_gone", extra={**ids, "reason": str(error)})
            return BROKEN, None
        except Exception:
            # Whatever a transaction contains, the server stays for all the others.
            log.exception("chaincode.raised", extra=ids)
            return BROKEN, _refused(conversation, BROKEN, "the chaincode failed: see its log")

    def _call(self, conversation: Conversation) -> FunctionAnswer:
        try:
            given = chaincode_pb2.ChaincodeInput.FromString(conversation.request.payload)
            proposer = proposer_of(conversation.request.proposal)
        except DecodeError as error:
            raise FunctionRefused(BAD_REQUEST, "the transaction is not readable") from error
        if conversation.request.type == Message.INIT:
            return FunctionAnswer()
        function, arguments = chosen(given.args)
        call = FunctionCall(
            conversation=conversation, proposer=proposer, arguments=arguments, genesis_file=self._genesis_file
        )
        return answered(call, function)


def _completed(conversation: Conversation, answer: FunctionAnswer) -> Any:
    message = conversation.message(Message.COMPLETED, _response(OK, payload=answer.payload))
    if answer.event:
        event = chaincode_event_pb2.ChaincodeEvent(
            event_name=names.EVENT, payload=answer.event, tx_id=conversation.request.txid
        )
        message.chaincode_event.CopyFrom(event)
    return message


def _refused(conversation: Conversation, status: int, reason: str) -> Any:
    return conversation.message(Message.COMPLETED, _response(status, message=reason))


def _response(status: int, *, message: str = "", payload: bytes = b"") -> bytes:
    response = proposal_response_pb2.Response(status=status, message=message, payload=payload)
    return bytes(response.SerializeToString())
