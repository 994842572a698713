"""Names this app to Django."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """The app's place."""

    name = "portal.accounts"
