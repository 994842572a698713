"""Names this app to Django."""

from django.apps import AppConfig


class InvocationsConfig(AppConfig):
    """The app's place."""

    name = "portal.invocations"
