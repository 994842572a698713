"""Names this app to Django."""

from django.apps import AppConfig


class PeersConfig(AppConfig):
    """The app's place."""

    name = "portal.peers"
