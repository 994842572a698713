"""Ports that nobody listens on, and whether somebody answers."""

import os
import random
import socket
from collections import deque
from itertools import islice
from pathlib import Path

import httpx

from deploy.errors import DeployError
from wire.http.portal import tls_context

#: Below the range from which the kernel takes ports for outgoing connections.
_RANGE = range(20_000, 32_000)
_TRIES = 1_000
_MOST_HELD = 256
_PROBE_SECONDS = 2
#: Descriptors that keep the ports that this process chose from others that choose before a server listens there.
_held: deque[int] = deque()


def free_ports(count: int) -> list[int]:
    """Return different free ports of 127.0.0.1; the newest 256 are given to no other process while this one lives.

    :raises DeployError: when there are not that many.
    """
    tried = random.SystemRandom().sample(_RANGE, _TRIES)
    ports = list(islice((port for port in tried if is_free(port) and _hold(port)), count))
    if len(ports) < count:
        raise DeployError(f"found no {count} free ports from {_RANGE.start} to {_RANGE.stop}")
    return ports


def is_free(port: int) -> bool:
    """Return whether a server could listen on a port of 127.0.0.1."""
    with socket.socket() as probe:
        # As servers do: connections of an earlier one that are not quite over are in nobody's way.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _hold(port: int) -> bool:
    """Take a port's name among our processes, and return whether nobody has it; Linux frees it when this one ends."""
    with socket.socket(socket.AF_UNIX) as holder:
        try:
            holder.bind(f"\0chainfaas-port-{port}")
        except OSError:
            return False
        _held.append(holder.detach())
    if len(_held) > _MOST_HELD:
        os.close(_held.popleft())
    return True


def is_well(url: str, authority: Path | None = None) -> bool:
    """Return whether GET of an address succeeds."""
    try:
        return httpx.get(url, verify=tls_context(authority), timeout=_PROBE_SECONDS, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def answers(port: int) -> bool:
    """Return whether somebody accepts connections on a port of 127.0.0.1."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
