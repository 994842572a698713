"""Names this app to Django."""

from django.apps import AppConfig


class GovernanceConfig(AppConfig):
    """The app's place."""

    name = "portal.governance"
