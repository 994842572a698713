"""Names this app to Django."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """The app's place."""

    name = "portal.web"
