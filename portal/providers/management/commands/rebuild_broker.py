"""`manage.py rebuild_broker`: makes the broker's users, rights and queues again from the database."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.errors import PortalError
from portal.providers import operations
from portal.providers.broker_admin import RabbitAdmin


class Command(BaseCommand):
    """For a broker that lost its data, and after a revocation that could not reach it."""

    help = "Make the broker's users, rights and queues what the database says. A repeat is harmless."

    def handle(self, *_args: Any, **_options: Any) -> None:
        try:
            count = operations.rebuild_broker(RabbitAdmin.from_settings())
        except PortalError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(f"The broker is set up; {count} providers have access.")
