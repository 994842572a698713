"""Several peers as one: a call that leaves no trace goes to the next peer when one does not answer."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

import grpc
from fabric_protos.peer import peer_pb2_grpc

from fabric_client.errors import PeerUnavailable
from fabric_client.gateway import Gateway
from fabric_client.identity import Identity
from fabric_client.respite import Respite

log = logging.getLogger(__name__)

T = TypeVar("T")
MAX_MESSAGE_BYTES = 100 * 1024 * 1024
_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 120_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # A peer that comes back is noticed within a second.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class PeerEndpoint:
    """Where a peer is, and whose certificates its TLS is trusted with."""

    #: `host:port`.
    address: str
    #: Root of the organisation's CA, in PEM.
    tls_root: bytes
    #: MSP id of the organisation that it endorses for; empty when it endorses for none, or nobody told.
    endorses_for: str = ""


class PeerConnection:
    """A connection to one peer; gRPC makes it when it is needed and makes it again when it breaks."""

    def __init__(self, endpoint: PeerEndpoint, identity: Identity) -> None:
        self.address = endpoint.address
        self.endorses_for = endpoint.endorses_for
        credentials = grpc.ssl_channel_credentials(root_certificates=endpoint.tls_root)
        self.channel = grpc.secure_channel(endpoint.address, credentials, options=_OPTIONS)
        self.gateway = Gateway(self.channel, identity)
        self.endorser = peer_pb2_grpc.EndorserStub(self.channel)


class Ring:
    """Peers that take turns: the one that answered last is asked first."""

    def __init__(self, peers: Sequence[PeerConnection]) -> None:
        if not peers:
            raise ValueError("expected at least one peer")
        self._peers = peers
        self._current = 0
        self._mutex = threading.Lock()

    def __len__(self) -> int:
        return len(self._peers)

    @property
    def current(self) -> PeerConnection:
        """The peer that is asked first."""
        return self._peers[self._current]

    def leave(self, peer: PeerConnection) -> None:
        """Ask another peer first from now on, unless somebody has decided so already."""
        with self._mutex:
            if self._peers[self._current] is peer and len(self._peers) > 1:
                self._current = (self._current + 1) % len(self._peers)
                log.warning("fabric.peer_left", extra={"peer": peer.address, "next": self.current.address})


class PeerRing(Ring):
    """The peers that a client may ask, as one of its identities."""

    def __init__(self, endpoints: Sequence[PeerEndpoint], identity: Identity) -> None:
        peers = [PeerConnection(endpoint, identity) for endpoint in endpoints]
        super().__init__(peers)
        self.identity = identity
        names = dict.fromkeys(peer.endorses_for for peer in peers if peer.endorses_for)
        #: The peers of each organisation that are known to endorse for it.
        self.organisations = tuple(Ring([peer for peer in peers if peer.endorses_for == name]) for name in names)
        self.respite = Respite()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        for peer in self._peers:
            peer.channel.close()

    def ask(self, question: Callable[[Gateway], T]) -> T:
        """Return the first answer, asking each peer at most once.

        :raises PeerUnavailable: when none answered.
        """
        for _ in self._peers[1:]:
            peer = self.current
            try:
                return question(peer.gateway)
            except PeerUnavailable:
                self.leave(peer)
        return question(self.current.gateway)
