"""TLS in front of a plain server, so that one broker serves tests with and without."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread

from deploy.servers.tls import ServerTls

_CHUNK_BYTES = 65_536


@contextmanager
def tls_proxy(port: int, tls: ServerTls) -> Iterator[int]:
    """Listen with TLS on a port of its own, which is given, and pass all on to `port`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.certificate_file, tls.key_file)
    threads: list[Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = Thread(target=_accept, args=(listener, context, port, threads))
        accepting.start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join()
    for thread in threads:
        thread.join(10)


def _accept(listener: socket.socket, context: ssl.SSLContext, port: int, threads: list[Thread]) -> None:
    with suppress(OSError):
        while True:
            plain, _ = listener.accept()
            thread = Thread(target=_serve, args=(plain, context, port))
            threads.append(thread)
            thread.start()


def _serve(plain: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with plain, suppress(OSError), context.wrap_socket(plain, server_side=True) as near:
        near.settimeout(0.05)
        with socket.create_connection(("127.0.0.1", port)) as far:
            far.settimeout(0.05)
            while _pass_on(near, far) and _pass_on(far, near):
                pass


def _pass_on(source: socket.socket, target: socket.socket) -> bool:
    try:
        data = source.recv(_CHUNK_BYTES)
    except TimeoutError:
        return True
    target.sendall(data)
    return bool(data)
