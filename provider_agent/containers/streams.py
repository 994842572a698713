"""A container's standard streams over one attached socket: input in, output and errors out, each within bounds.

Docker Engine API, "attach": what comes out is in frames of a stream's number, three zeros, a length and the bytes.
"""

import selectors
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Event as Flag

from wire.limits import KIB

_STDOUT = 1
_HEADER_BYTES = 8
_CHUNK_BYTES = 64 * KIB
TAIL_BYTES = 4 * KIB
#: How soon a cancellation is noticed.
_TICK_SECONDS = 0.1


class Ending(StrEnum):
    """Why the exchange ended."""

    CLOSED = "closed"
    TOO_LARGE = "too_large"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"


@dataclass(kw_only=True, slots=True)
class Transcript:
    """What a container wrote, as far as it is kept."""

    output_max: int
    output: bytearray = field(default_factory=bytearray)
    tail: bytearray = field(default_factory=bytearray)

    def add(self, stream: int, data: bytes) -> None:
        """Keep what came on a stream: of the output one byte too many, of the errors the last ones."""
        if stream == _STDOUT:
            self.output += data[: self.output_max + 1 - len(self.output)]
        else:
            self.tail += data
            del self.tail[:-TAIL_BYTES]

    @property
    def is_too_large(self) -> bool:
        """Whether more output came than is allowed."""
        return len(self.output) > self.output_max

    @property
    def tail_text(self) -> str:
        """The end of standard error as text, of at most `TAIL_BYTES` bytes of UTF-8."""
        text = self.tail.decode(errors="replace").replace("\x00", "�")
        return text.encode()[-TAIL_BYTES:].decode(errors="ignore")


class Demultiplexer:
    """Cuts the attached stream into its frames, however it arrives."""

    def __init__(self) -> None:
        self._header = bytearray()
        self._stream = 0
        self._left = 0

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield stream number and bytes of what is there; a part of a frame is not held back."""
        view = memoryview(data)
        while view:
            if self._left:
                part, view = view[: self._left], view[self._left :]
                self._left -= len(part)
                yield self._stream, bytes(part)
                continue
            missing = _HEADER_BYTES - len(self._header)
            self._header += view[:missing]
            view = view[missing:]
            if len(self._header) == _HEADER_BYTES:
                self._stream, self._left = self._header[0], int.from_bytes(self._header[4:], "big")
                self._header.clear()


def exchange(
    connection: socket.socket, stdin: bytes, transcript: Transcript, *, until: float, cancelled: Flag
) -> Ending:
    """Send the input, half-close, and collect what comes until the other side closes or a bound is met.

    `until` is a moment of `time.monotonic`.
    """
    connection.setblocking(False)
    rest, frames = memoryview(stdin), Demultiplexer()
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ | selectors.EVENT_WRITE)
        while not cancelled.is_set():
            if (left := until - time.monotonic()) <= 0:
                return Ending.TIMED_OUT
            ready = sum(events for _, events in selector.select(min(left, _TICK_SECONDS)))
            if ready & selectors.EVENT_WRITE and not (rest := _send(connection, rest)):
                selector.modify(connection, selectors.EVENT_READ)
            if ready & selectors.EVENT_READ and (ending := _receive(connection, frames, transcript)):
                return ending
    return Ending.CANCELLED


def _send(connection: socket.socket, rest: memoryview) -> memoryview:
    """Send what fits; after the last byte half-close. A container that reads no more is its own matter."""
    try:
        rest = rest[connection.send(rest[:_CHUNK_BYTES]) :] if rest else rest
    except BlockingIOError:
        return rest
    except OSError:
        return memoryview(b"")
    if not rest:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
    return rest


def _receive(connection: socket.socket, frames: Demultiplexer, transcript: Transcript) -> Ending | None:
    try:
        data = connection.recv(_CHUNK_BYTES)
    except BlockingIOError:
        return None
    except ConnectionResetError:
        return Ending.CLOSED
    if not data:
        return Ending.CLOSED
    for stream, part in frames.feed(data):
        transcript.add(stream, part)
    return Ending.TOO_LARGE if transcript.is_too_large else None
