"""Attaching to a container's streams: Docker Engine API, "attach", upgraded from HTTP to the plain socket.

The SDK offers its attached socket only inside three layers of buffers that neither half-close nor end cleanly.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SECONDS = 60
_HEAD_MAX_BYTES = 16 * 1024
_UPGRADED = b"HTTP/1.1 101 "


class NotAttached(OSError):
    """Docker Engine did not attach us."""


@contextmanager
def attached(engine: Path, container: str, *, api_version: str) -> Iterator[socket.socket]:
    """Give the socket of a container's input, output and errors; all that it ever writes arrives when not started yet.

    :raises OSError: when Docker Engine does not answer or attach.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_SECONDS)
        connection.connect(str(engine))
        where = f"/v{api_version}/containers/{container}/attach?stream=1&stdin=1&stdout=1&stderr=1"
        connection.sendall(
            f"POST {where} HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
            "Content-Length: 0\r\n\r\n".encode()
        )
        head = _head(connection)
        if not head.startswith(_UPGRADED):
            raise NotAttached(head.partition(b"\r\n")[0].decode(errors="replace"))
        yield connection


def _head(connection: socket.socket) -> bytes:
    """Read the answer's head and not a byte more: what follows is the container's."""
    head = bytearray()
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte or len(head) > _HEAD_MAX_BYTES:
            raise NotAttached("Docker Engine broke off")
        head += byte
    return bytes(head)
