"""Names this app to Django."""

from django.apps import AppConfig


class ProvidersConfig(AppConfig):
    """The app's place."""

    name = "portal.providers"
