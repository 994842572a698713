"""Composition root of the portal's server: `portal.asgi:application`, for gunicorn with uvicorn's workers."""

import os
from typing import cast
from urllib.parse import urlsplit

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.signals import request_finished
from django.db import DatabaseError, connection, connections

from portal.dispatch import Application, Dispatcher
from portal.environment import setting
from wire import logs


@sync_to_async
def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return bool(cursor.fetchone() == (1,))
    except DatabaseError:
        return False
    finally:
        connection.close()


def _close_connections(**_sender: object) -> None:
    connections.close_all()


def build() -> Dispatcher:
    """Return the application of this process, from the environment."""
    logs.configure(level=setting("CHAINFAAS_LOG_LEVEL"))
    portal = get_asgi_application()
    # Each request has a thread of its own here: a connection that is kept would be kept for nobody.
    request_finished.connect(_close_connections)
    from portal.gateway.app import application as gateway  # noqa: PLC0415 - once Django is set up

    return Dispatcher(
        portal=cast("Application", portal),
        gateway=gateway,
        functions_host=urlsplit(settings.FUNCTIONS_URL).hostname or "",
        is_healthy=_database_answers,
    )


application = build()
