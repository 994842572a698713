"""Several peers as one: a call that leaves no trace goes to the next peer when one does not answer."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import grpc

from fabric_client.errors import PeerUnavailable
from fabric_client.gateway import Gateway
from fabric_client.identity import Identity

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
class Endpoint:
    """Where a peer is, and whose certificates its TLS is trusted with."""

    #: `host:port`.
    address: str
    #: Root of the organisation's CA, in PEM.
    tls_root: bytes


class Peer:
    """A connection to one peer; gRPC makes it when it is needed and makes it again when it breaks."""

    def __init__(self, endpoint: Endpoint, identity: Identity) -> None:
        self.address = endpoint.address
        credentials = grpc.ssl_channel_credentials(root_certificates=endpoint.tls_root)
        self.channel = grpc.secure_channel(endpoint.address, credentials, options=_OPTIONS)
        self.gateway = Gateway(self.channel, identity)


class Peers:
    """The peers that a client may ask, the one that answered last first."""

    def __init__(self, endpoints: Sequence[Endpoint], identity: Identity) -> None:
        if not endpoints:
            raise ValueError("expected at least one peer")
        self.identity = identity
        self._peers = [Peer(endpoint, identity) for endpoint in endpoints]
        self._current = 0
        self._mutex = threading.Lock()

    def __len__(self) -> int:
        return len(self._peers)

    def close(self) -> None:
        """Close all connections."""
        for peer in self._peers:
            peer.channel.close()

    @property
    def current(self) -> Peer:
        """The peer that is asked first."""
        return self._peers[self._current]

    def leave(self, peer: Peer) -> None:
        """Ask another peer first from now on, unless somebody has decided so already."""
        with self._mutex:
            if self._peers[self._current] is peer:
                self._current = (self._current + 1) % len(self._peers)
                log.warning("fabric.peer_left", extra={"peer": peer.address, "next": self.current.address})

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
