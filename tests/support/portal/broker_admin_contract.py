"""What every broker does for who enrols providers: the fake and RabbitMQ pass the same."""

from uuid import uuid4

import pytest

from portal.providers.broker_admin import BrokerAdmin, ProviderAccess, hash_password
from portal.providers.errors import BrokerAdminRefused


def new_access(password: str = "password") -> ProviderAccess:  # noqa: S107 - of a broker that lives for one test
    """Return the access of a new provider."""
    return ProviderAccess(provider_id=uuid4(), queue_secret=uuid4().hex, password_hash=hash_password(password))


class BrokerAdminContract:
    """Subclasses give `admin`: a broker that is not set up."""

    def test_nothing_is_granted_before_the_broker_is_set_up(self, admin: BrokerAdmin) -> None:
        with pytest.raises(BrokerAdminRefused):
            admin.grant(new_access())

    def test_setting_up_again_changes_nothing(self, admin: BrokerAdmin) -> None:
        access = new_access()
        admin.set_up()
        admin.grant(access)

        admin.set_up()

        assert access.provider_id in admin.granted()

    def test_what_is_granted_is_granted_once_however_often(self, admin: BrokerAdmin) -> None:
        access = new_access()
        admin.set_up()

        for _ in range(2):
            admin.grant(access)

        assert access.provider_id in admin.granted()

    def test_what_is_revoked_is_gone_however_often(self, admin: BrokerAdmin) -> None:
        access, other = new_access(), new_access()
        admin.set_up()
        admin.grant(access)
        admin.grant(other)

        for _ in range(2):
            admin.revoke(access.provider_id, access.queue_secret)

        assert access.provider_id not in admin.granted()
        assert other.provider_id in admin.granted()

    def test_what_was_never_granted_is_revoked_without_harm(self, admin: BrokerAdmin) -> None:
        other = new_access()
        admin.set_up()
        admin.grant(other)

        admin.revoke(uuid4(), "")

        assert other.provider_id in admin.granted()
