"""Names this app to Django."""

from django.apps import AppConfig


class OutboxConfig(AppConfig):
    """The app's place."""

    name = "portal.outbox"
