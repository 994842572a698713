"""The in-memory broker keeps the contract of broker administration."""

import pytest

from portal.providers.testing import InMemoryBrokerAdmin
from tests.support.portal.broker_admin_contract import BrokerAdminContract


class TestInMemoryBrokerAdmin(BrokerAdminContract):
    @pytest.fixture
    def admin(self) -> InMemoryBrokerAdmin:
        return InMemoryBrokerAdmin()
