"""The in-memory counterpart of this app's port; passes the same suite as RabbitMQ."""

from uuid import UUID

from portal.providers.broker_admin import ProviderAccess
from portal.providers.errors import BrokerAdminRefused, BrokerAdminUnavailable


class InMemoryBrokerAdmin:
    """A broker's users and queues in a dictionary."""

    def __init__(self) -> None:
        self.is_set_up = False
        #: Set it to let every call fail.
        self.is_away = False
        self.access: dict[UUID, ProviderAccess] = {}

    def set_up(self) -> None:
        self._answer()
        self.is_set_up = True

    def grant(self, access: ProviderAccess) -> None:
        self._answer()
        if not self.is_set_up:
            raise BrokerAdminRefused
        self.access[access.provider_id] = access

    def revoke(self, provider_id: UUID, queue_secret: str) -> None:
        self._answer()
        found = self.access.get(provider_id)
        if found and found.queue_secret == queue_secret:
            del self.access[provider_id]

    def granted(self) -> frozenset[UUID]:
        self._answer()
        return frozenset(self.access)

    def _answer(self) -> None:
        if self.is_away:
            raise BrokerAdminUnavailable
