"""Names this app to Django."""

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    """The app's place."""

    name = "portal.ledger"
