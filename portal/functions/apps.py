"""Names this app to Django."""

from django.apps import AppConfig


class FunctionsConfig(AppConfig):
    """The app's place."""

    name = "portal.functions"
