"""Names this app to Django."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """The app's place."""

    name = "portal.api"

    def ready(self) -> None:
        """Make the OpenAPI extensions known."""
        from portal.api import schema  # noqa: F401, PLC0415 - registers itself, and needs Django's settings
