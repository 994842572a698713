"""`manage.py set_up_broker`: makes the marketplace's virtual host, exchange and queues on the broker."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.errors import PortalError
from portal.providers.broker_admin import RabbitAdmin


class Command(BaseCommand):
    """Run it before anything else talks to the broker; a repeat is harmless."""

    help = "Make the virtual host, exchange and queues of this marketplace on the broker."

    def handle(self, *_args: Any, **_options: Any) -> None:
        try:
            RabbitAdmin.from_settings().set_up()
        except PortalError as error:
            raise CommandError(error.detail) from error
        self.stdout.write("The broker is set up.")
