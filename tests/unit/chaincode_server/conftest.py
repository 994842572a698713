"""A chaincode server without TLS, and a peer that is connected to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chaincode.fabric.server import ChaincodeServer
from chaincode.fabric.transactions import Transactions
from tests.support.fabric.fake_peer import FakePeer
from tests.support.ledger import KEYS


@pytest.fixture
def genesis_file(tmp_path: Path) -> Path:
    path = tmp_path / "genesis.json"
    path.write_text(KEYS.genesis().text())
    return path


@pytest.fixture
def server(genesis_file: Path) -> Iterator[ChaincodeServer]:
    made = ChaincodeServer(
        package_id="market_1:abc", address="127.0.0.1:0", tls=None, transactions=Transactions(genesis_file)
    )
    made.start()
    yield made
    made.stop()


@pytest.fixture
def peer(server: ChaincodeServer) -> Iterator[FakePeer]:
    with FakePeer(server.port) as connected:
        yield connected
