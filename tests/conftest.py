"""What every test shares: settings, real servers, and which tests a database run takes."""

from collections.abc import Iterator

import django
import pytest
from django.db import connection
from hypothesis import HealthCheck, settings
from pytest_django import DjangoDbBlocker

from tests.support import environment

environment.prepare()
# Before the conftests below, which may import models.
django.setup()

# How long an example takes is the machine's matter, which may stop for seconds.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

pytest_plugins = ("tests.support.servers", "tests.support.images", "tests.support.people", "tests.support.outbox.bank")
_DATABASE_FIXTURES = {"db", "transactional_db", "django_db_setup"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of a run on PostgreSQL keep only the tests that touch Django's database: the others ran before."""
    if not environment.on_postgresql():
        return
    kept = [item for item in items if _touches_database(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def _touches_database(item: pytest.Item) -> bool:
    return item.get_closest_marker("django_db") is not None or bool(
        _DATABASE_FIXTURES.intersection(getattr(item, "fixturenames", ()))
    )


@pytest.fixture(scope="session")
def django_db_modify_db_settings(request: pytest.FixtureRequest) -> None:
    """Start the database's server before Django makes its test database in it."""
    if environment.on_postgresql():
        request.getfixturevalue("postgresql_server")


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_setup: None,  # noqa: ARG001 - pytest-django's own, which this one ends before
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[None]:
    """End what a server's thread still holds before the test database is dropped: PostgreSQL would refuse."""
    yield
    if environment.on_postgresql():
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(others, [connection.settings_dict["NAME"]])
