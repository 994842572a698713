"""One real Fabric network for all of these tests, and the marketplace on it."""

import time
from collections.abc import Iterator

import pytest

from fabric_client.gateway import Gateway
from fabric_client.identity import Identity
from ledger.fabric.ledger import FabricLedger
from tests.support.fabric.network import FabricNetwork, OnFabric, fabric_network, fabric_programs
from tests.support.fabric.report import report
from tests.support.ledger import World, marketplace

__all__ = ["fabric_network", "fabric_programs", "report"]


@pytest.fixture
def ledger(fabric_network: FabricNetwork) -> Iterator[FabricLedger]:
    """The ledger as the recorder has it."""
    with fabric_network.ledger() as opened:
        yield opened


@pytest.fixture
def recorder(fabric_network: FabricNetwork) -> Identity:
    """The recorder's identity on the network."""
    return fabric_network.identity("controller", "recorder")


@pytest.fixture
def gateway(fabric_network: FabricNetwork, recorder: Identity) -> Iterator[Gateway]:
    """The controller's first peer as the recorder reaches it."""
    peer = fabric_network.peer("controller", recorder)
    yield peer.gateway
    peer.channel.close()


@pytest.fixture(scope="session")
def whole_world(fabric_network: FabricNetwork) -> World:
    """Document 002's four people on the network; time is the network's own."""
    with fabric_network.ledger() as opened:
        return marketplace(World(ledger=OnFabric(opened), now_ms=time.time_ns() // 1_000_000))


@pytest.fixture
def world(whole_world: World, ledger: FabricLedger) -> World:
    """These people by the test's own connection: another one may ask another peer, which may be a block behind."""
    whole_world.ledger = OnFabric(ledger)
    return whole_world
