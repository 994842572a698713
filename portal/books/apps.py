"""Names this app to Django."""

from django.apps import AppConfig


class BooksConfig(AppConfig):
    """The app's place."""

    name = "portal.books"
