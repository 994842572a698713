import socket
import struct
import time
from collections.abc import Iterator
from threading import Event as Flag
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider_agent.containers.streams import TAIL_BYTES, Demultiplexer, Ending, Transcript, exchange


def frame(stream: int, data: bytes) -> bytes:
    return struct.pack(">BxxxI", stream, len(data)) + data


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair()
    with near, far:
        yield near, far


def test_input_goes_in_and_ends_and_output_comes_out(pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    received = bytearray()

    def container() -> None:
        while data := far.recv(65536):
            received.extend(data)
        far.sendall(frame(1, b"out") + frame(2, b"err"))
        far.close()

    thread = Thread(target=container)
    thread.start()
    transcript = Transcript(output_max=100)
    ending = exchange(near, b"i" * 300_000, transcript, until=time.monotonic() + 30, cancelled=Flag())
    thread.join()

    assert ending is Ending.CLOSED
    assert bytes(received) == b"i" * 300_000
    assert (bytes(transcript.output), transcript.tail_text) == (b"out", "err")


def test_silence_ends_in_time(pair: tuple[socket.socket, socket.socket]) -> None:
    before = time.monotonic()

    ending = exchange(pair[0], b"", Transcript(output_max=1), until=before + 0.05, cancelled=Flag())

    assert ending is Ending.TIMED_OUT


def test_a_cancellation_ends_it(pair: tuple[socket.socket, socket.socket]) -> None:
    cancelled = Flag()
    cancelled.set()

    ending = exchange(pair[0], b"", Transcript(output_max=1), until=time.monotonic() + 30, cancelled=cancelled)

    assert ending is Ending.CANCELLED


def test_too_much_output_ends_it_before_it_fills_the_memory(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[1].sendall(frame(1, b"x" * 50_000))
    transcript = Transcript(output_max=10)

    ending = exchange(pair[0], b"", transcript, until=time.monotonic() + 30, cancelled=Flag())

    assert ending is Ending.TOO_LARGE
    assert len(transcript.output) == 11


def test_the_tail_is_the_end_of_the_errors_and_valid_text() -> None:
    transcript = Transcript(output_max=0)

    transcript.add(2, "é".encode() * TAIL_BYTES)
    transcript.add(2, b"\xff\x00!")

    assert transcript.tail_text.endswith("!")
    assert len(transcript.tail_text.encode()) <= TAIL_BYTES
    assert "\x00" not in transcript.tail_text


@given(
    st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=50)), max_size=10),
    st.integers(min_value=1, max_value=20),
)
def test_frames_are_cut_right_however_they_arrive(frames: list[tuple[int, bytes]], step: int) -> None:
    stream = b"".join(frame(number, data) for number, data in frames)
    cutter, found = Demultiplexer(), {1: b"", 2: b""}

    for start in range(0, len(stream), step):
        for number, data in cutter.feed(stream[start : start + step]):
            found[number] += data

    assert found == {
        number: b"".join(data for stream_number, data in frames if stream_number == number) for number in (1, 2)
    }
