"""The chaincode server: takes the streams of its organisation's peers over TLS."""

import logging
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from chaincode.fabric.conversation import Message
from chaincode.fabric.errors import ChaincodeError
from chaincode.fabric.stream import PeerStream
from chaincode.fabric.transactions import Transactions

log = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 100 * 1024 * 1024
#: A stream holds a thread as long as it is open.
MAX_STREAMS = 32
#: Of one certificate: a peer needs one, and a second one for a moment when it connects again.
STREAMS_OF_ONE = 4
_STOP_SECONDS = 5
#: What gRPC calls a client's certificate in PEM.
_CERTIFICATE = "x509_pem_cert"
_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # Peers ping each minute at most; a peer that is gone is noticed.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    # A second server on the same port would take half of the peers.
    ("grpc.so_reuseport", 0),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tls:
    """The server's certificate and key, and whose peers may connect; all PEM files."""

    certificate: Path
    key: Path
    client_root: Path

    def credentials(self) -> grpc.ServerCredentials:
        """Return what gRPC needs; a peer has to show a certificate too."""
        pair = (self.key.read_bytes(), self.certificate.read_bytes())
        return grpc.ssl_server_credentials(
            [pair], root_certificates=self.client_root.read_bytes(), require_client_auth=True
        )


class ChaincodeServer:
    """A chaincode as a service, for one package that peers have installed."""

    def __init__(self, *, package_id: str, address: str, tls: Tls | None, transactions: Transactions) -> None:
        self._package_id = package_id
        self._transactions = transactions
        self._streams: set[PeerStream] = set()
        self._mutex = threading.Lock()
        #: How many streams each certificate has.
        self._connected: Counter[bytes] = Counter()
        self._server = grpc.server(
            ThreadPoolExecutor(MAX_STREAMS, thread_name_prefix="stream"),
            options=_OPTIONS,
            maximum_concurrent_rpcs=MAX_STREAMS,
        )
        self._server.add_generic_rpc_handlers((self._handler(),))
        try:
            if tls:
                self.port = self._server.add_secure_port(address, tls.credentials())
            else:
                self.port = self._server.add_insecure_port(address)
        except (OSError, RuntimeError) as error:
            raise ChaincodeError(f"cannot listen on {address}: {error}") from error

    def start(self) -> None:
        """Take streams from now on."""
        self._server.start()
        log.info("chaincode.started", extra={"package_id": self._package_id, "port": self.port})

    def stop(self) -> None:
        """Let running transactions end, then end the streams."""
        self._transactions.drain(_STOP_SECONDS)
        for stream in list(self._streams):
            stream.end()
        self._server.stop(_STOP_SECONDS).wait()
        log.info("chaincode.stopped", extra={"package_id": self._package_id})

    def health(self) -> dict[str, Any]:
        """Return what a health check shows."""
        return {
            "package_id": self._package_id,
            "peers": len(self._streams),
            "transactions": dict(sorted(self._transactions.answered.items())),
        }

    def _handler(self) -> grpc.GenericRpcHandler:
        connect: grpc.RpcMethodHandler[Any, Any] = grpc.stream_stream_rpc_method_handler(
            self._connect, Message.FromString, lambda message: message.SerializeToString()
        )
        return grpc.method_handlers_generic_handler("protos.Chaincode", {"Connect": connect})

    def _connect(self, incoming: Iterable[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        shown: Any = context.auth_context().get(_CERTIFICATE, ())
        certificate = b"".join(shown)
        if certificate and not _is_a_nodes(certificate):
            # The CA certifies providers and people as well.
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "only a peer's TLS certificate opens a stream")
        with self._mutex:
            self._connected[certificate] += 1
            too_many = certificate and self._connected[certificate] > STREAMS_OF_ONE
        try:
            if too_many:
                context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many streams of one certificate")
            yield from self._stream(incoming, context)
        finally:
            with self._mutex:
                self._connected[certificate] -= 1

    def _stream(self, incoming: Iterable[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        stream = PeerStream(self._package_id, self._transactions.run)
        # Without it this iterator would wait for ever for something to send.
        context.add_callback(stream.end)
        with self._mutex:
            self._streams.add(stream)
        log.info("chaincode.peer_connected", extra={"peer": context.peer()})
        try:
            yield from stream.outgoing(incoming)
        finally:
            with self._mutex:
                self._streams.discard(stream)
            log.info("chaincode.peer_left", extra={"peer": context.peer()})


def _is_a_nodes(certificate: bytes) -> bool:
    """Return whether a certificate is a server's: the CAs give such only to the nodes of a network."""
    try:
        usage = x509.load_pem_x509_certificate(certificate).extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except (x509.ExtensionNotFound, ValueError):
        return False
    return ExtendedKeyUsageOID.SERVER_AUTH in usage.value
