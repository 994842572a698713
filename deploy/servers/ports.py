"""Ports that nobody listens on."""

import random
import socket
from contextlib import ExitStack

from deploy.errors import DeployError

#: Below the range from which the kernel takes ports for outgoing connections.
_RANGE = range(20_000, 32_000)
_TRIES = 1_000


def free_ports(count: int) -> list[int]:
    """Return different free ports of 127.0.0.1.

    :raises DeployError: when there are not that many.
    """
    dice = random.SystemRandom()
    with ExitStack() as held:
        ports: list[int] = []
        for _ in range(_TRIES):
            if len(ports) == count:
                return ports
            port = dice.choice(_RANGE)
            if (probe := _bind(port)) is not None:
                held.enter_context(probe)
                ports.append(port)
    raise DeployError(f"found no {count} free ports from {_RANGE.start} to {_RANGE.stop}")


def is_free(port: int) -> bool:
    """Return whether a server could listen on a port of 127.0.0.1."""
    probe = _bind(port)
    if probe is None:
        return False
    probe.close()
    return True


def answers(port: int) -> bool:
    """Return whether somebody accepts connections on a port of 127.0.0.1."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _bind(port: int) -> socket.socket | None:
    probe = socket.socket()
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind(("127.0.0.1", port))
    except OSError:
        probe.close()
        return None
    return probe
