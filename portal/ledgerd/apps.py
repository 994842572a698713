"""Names this app to Django."""

from django.apps import AppConfig


class LedgerdConfig(AppConfig):
    """The app's place."""

    name = "portal.ledgerd"
