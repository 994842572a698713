"""Names this app to Django."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """The app's place."""

    name = "portal.api"
