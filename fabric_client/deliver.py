"""The Deliver service of the peers: blocks as they are committed, in order, from any number on."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc
from fabric_protos.common import common_pb2
from fabric_protos.orderer import ab_pb2
from fabric_protos.peer import events_pb2_grpc

from fabric_client.errors import BlockDamaged, PeerUnavailable
from fabric_client.identity import Identity
from fabric_client.peers import PeerConnection, PeerRing
from fabric_client.proposals import ChaincodeCall
from fabric_client.verification import BlockVerifier

log = logging.getLogger(__name__)

#: Blocks that were received and not yet taken.
MAX_WAITING = 32
_PAUSE_SECONDS = 0.5
_ANSWER_SECONDS = 1.0


def deliver(peer: PeerConnection, identity: Identity, channel: str, first: int) -> tuple[Any, Iterator[Any]]:
    """Return the running call (to cancel it), and the blocks from `first` on, without end, as they are committed."""
    call = events_pb2_grpc.DeliverStub(peer.channel).Deliver(iter([_seek(identity, channel, first)]))
    return call, _blocks(call)


def _blocks(call: Any) -> Iterator[Any]:
    try:
        for answer in call:
            if answer.WhichOneof("Type") == "status":
                raise PeerUnavailable(f"Deliver ended with status {common_pb2.Status.Name(answer.status)}")
            yield answer.block
    except grpc.RpcError as error:
        raise PeerUnavailable(f"Deliver: {error.code().name}: {error.details()}") from error


def _seek(identity: Identity, channel: str, first: int) -> Any:
    seek = ab_pb2.SeekInfo(behavior=ab_pb2.SeekInfo.BLOCK_UNTIL_READY)
    seek.start.specified.number = first
    seek.stop.specified.number = 2**63 - 1
    call = ChaincodeCall(channel=channel, chaincode="", function="")
    header = common_pb2.ChannelHeader(type=common_pb2.DELIVER_SEEK_INFO, channel_id=channel)
    header.timestamp.FromMilliseconds(call.timestamp_ms)
    signature = common_pb2.SignatureHeader(creator=identity.creator, nonce=call.nonce)
    payload = common_pb2.Payload(
        header=common_pb2.Header(
            channel_header=header.SerializeToString(), signature_header=signature.SerializeToString()
        ),
        data=seek.SerializeToString(),
    ).SerializeToString()
    return common_pb2.Envelope(payload=payload, signature=identity.sign(payload))


@dataclass(kw_only=True, slots=True)
class _Place:
    """How far a reader is."""

    #: Of the next block.
    number: int
    #: The header of the block before, when it was read.
    previous: Any = None


class BlockReader:
    """Blocks in order as they are committed, each checked, from whichever peer delivers them.

    One thread reads ahead; `take` never waits for the network.
    """

    def __init__(
        self,
        peers: PeerRing,
        channel: str,
        verifier: BlockVerifier,
        on_block: Callable[[], object] = lambda: None,
    ) -> None:
        self._peers = peers
        self._channel = channel
        self._verifier = verifier
        #: Called on the reading thread when a block can be taken.
        self._on_block = on_block
        self._changed = threading.Condition()
        self._waiting: deque[Any] = deque()
        #: The block that `take` will return next; None before the first call.
        self._next: int | None = None
        #: Counts the places that were asked for: a thread that reads for an older one ends.
        self._generation = 0
        self._call: Any = None
        self._damage: BlockDamaged | None = None

    def take(self, first: int, limit: int) -> list[Any]:
        """Return blocks from `first` on, at most `limit`, of those that have arrived; none when there are none yet.

        None either when another thread asked for another place meanwhile: what arrives then is not for this one.

        :raises BlockDamaged: when the next block is not what the orderers signed.
        """
        with self._changed:
            if first != self._next:
                self._begin(first)
                generation = self._generation
                self._wait(lambda: self._waiting or self._damage, generation, _ANSWER_SECONDS)
                if not self._wanted(generation):
                    return []
            if self._damage and not self._waiting:
                raise self._damage
            taken = [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]
            self._next = first + len(taken)
            self._changed.notify_all()
            return taken

    def close(self) -> None:
        """Stop reading."""
        with self._changed:
            self._stop()

    def _begin(self, first: int) -> None:
        self._stop()
        self._next = first
        reading = threading.Thread(
            target=self._read, args=(first, self._generation), name=f"blocks-from-{first}", daemon=True
        )
        reading.start()

    def _stop(self) -> None:
        self._generation += 1
        self._waiting.clear()
        self._damage = None
        if self._call is not None:
            self._call.cancel()
        self._changed.notify_all()

    def _read(self, first: int, generation: int) -> None:
        """Read until `take` wants another place, from one peer after the other."""
        place = _Place(number=first)
        while self._wanted(generation):
            peer = self._peers.current
            try:
                self._read_from(peer, place, generation)
            except PeerUnavailable as error:
                if self._wanted(generation):
                    log.warning("fabric.deliver_ended", extra={"peer": peer.address, "reason": str(error)})
                    self._peers.leave(peer)
                    self._pause(generation)
            except BlockDamaged as damage:
                self._put(generation, damage=damage)
                return

    def _read_from(self, peer: PeerConnection, place: "_Place", generation: int) -> None:
        """Read from one peer until it ends the stream, or until nobody wants the blocks any more."""
        call, blocks = deliver(peer, self._peers.identity, self._channel, place.number)
        with self._changed:
            if not self._wanted(generation):
                call.cancel()
                return
            # Whoever wants another place can cancel it.
            self._call = call
        for block in blocks:
            self._verifier.check(block, place.previous)
            if not self._put(generation, block):
                return
            place.number, place.previous = place.number + 1, block.header

    def _wanted(self, generation: int) -> bool:
        return generation == self._generation

    def _put(self, generation: int, *blocks: Any, damage: BlockDamaged | None = None) -> bool:
        """Hand out what was read, once there is room for it; return whether it was wanted."""
        with self._changed:
            self._wait(lambda: damage or len(self._waiting) < MAX_WAITING, generation)
            if self._wanted(generation):
                self._waiting.extend(blocks)
                self._damage = damage
                self._changed.notify_all()
                if blocks:
                    self._on_block()
            return self._wanted(generation)

    def _pause(self, generation: int) -> None:
        with self._changed:
            self._wait(lambda: False, generation, _PAUSE_SECONDS)

    def _wait(self, ready: Callable[[], object], generation: int, seconds: float | None = None) -> None:
        """Wait, holding the lock, until something is so or nobody wants the blocks of this generation any more."""
        self._changed.wait_for(lambda: ready() or not self._wanted(generation), seconds)
