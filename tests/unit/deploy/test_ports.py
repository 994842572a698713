"""Ports for servers that start a while later: free, and each given once."""

import os
import socket

import pytest

from deploy.errors import DeployError
from deploy.servers import ports
from deploy.servers.ports import free_ports, is_free


def test_no_port_is_given_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.servers.ports._RANGE", range(31_000, 32_000))

    assert len(set(free_ports(200))) == 200


def test_a_port_that_was_given_is_not_given_again_before_somebody_listens_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given, other = free_ports(2)
    os.close(ports._held.pop())
    monkeypatch.setattr("deploy.servers.ports._TRIES", 2)
    monkeypatch.setattr("deploy.servers.ports._RANGE", (given, other))

    assert free_ports(1) == [other]


def test_a_port_on_which_somebody_listens_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not is_free(server.getsockname()[1])


def test_too_many_ports_are_an_error() -> None:
    with pytest.raises(DeployError, match="found no 2000 free ports"):
        free_ports(2_000)
