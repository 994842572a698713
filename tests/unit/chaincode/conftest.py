"""A marketplace on the fast ledger in memory; one on an embedded ledger where that matters."""

import pytest

from tests.support.ledger import World, marketplace


@pytest.fixture
def world() -> World:
    return marketplace()
