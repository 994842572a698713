"""What two do at the same moment happens once; on PostgreSQL, where two can write at the same moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from django.db import connections

from portal import composition
from portal.accounts import operations as accounts
from portal.accounts import throttle
from portal.accounts.models import Role
from portal.accounts.throttle import Attempt
from portal.custody.announcing import announce_provider
from portal.errors import PortalError
from portal.functions import operations as functions
from portal.functions import queries
from portal.functions.models import Function
from portal.functions.testing import FakeRegistry
from portal.providers import operations as providers
from portal.providers.models import Provider
from portal.providers.statements import read_application
from portal.providers.testing import InMemoryBrokerAdmin
from tests.support.environment import on_postgresql
from tests.support.machines import Machine
from tests.support.people import NOW, People, bounded, newcomer, version_draft

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not on_postgresql(), reason="SQLite has one writer at a time"),
]
THREADS = 6


def at_once(do: Callable[[int], Any]) -> list[Any]:
    """Return what each of some threads got: a value, or the error's type."""
    together = Barrier(THREADS)

    def one(number: int) -> Any:
        together.wait()
        try:
            return do(number)
        except PortalError as error:
            return type(error)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(one, range(THREADS)))


@pytest.mark.usefixtures("controller_keys")
def test_one_code_makes_one_provider(people: People, broker_users: InMemoryBrokerAdmin) -> None:
    code = providers.create_code(people.provider, name="attic", now=NOW).text
    authority = composition.certificate_authority()

    def enrol(_number: int) -> Any:
        made = providers.enrol(
            read_application(code, Machine().statement(code)),
            authority=authority,
            broker=broker_users,
            announce=partial(announce_provider, now=NOW),
            now=NOW,
        )
        return made.provider

    results = at_once(enrol)

    assert Provider.objects.count() == 1
    assert sum(isinstance(result, Provider) for result in results) == 1
    assert {result.__name__ for result in results if isinstance(result, type)} == {"CodeUsed"}


@pytest.mark.usefixtures("controller_keys")
def test_a_machine_that_asks_twice_at_once_is_one_provider(people: People, broker_users: InMemoryBrokerAdmin) -> None:
    code, machine = providers.create_code(people.provider, name="attic", now=NOW).text, Machine()
    authority = composition.certificate_authority()

    def enrol(_number: int) -> Any:
        made = providers.enrol(
            read_application(code, machine.statement(code)),
            authority=authority,
            broker=broker_users,
            announce=partial(announce_provider, now=NOW),
            now=NOW,
        )
        return made.provider.id

    assert len(set(at_once(enrol))) == 1
    assert Provider.objects.count() == 1


def test_a_function_is_stopped_once(function: Function) -> None:
    functions.publish(function, version=queries.version_of(function, 1))

    results = at_once(lambda _number: functions.stop(Function.objects.get(id=function.id)).state)

    assert results.count("stopped") == 1


def test_versions_have_numbers_of_their_own(function: Function, image_registry: FakeRegistry) -> None:
    at_once(lambda _number: functions.add_version(function, draft=version_draft(), registry=image_registry, now=NOW))

    numbers = [version.number for version in queries.versions_of(function)]
    assert len(numbers) == len(set(numbers))
    assert max(numbers) == len(numbers)


def test_attempts_at_the_same_moment_are_all_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    bounded(monkeypatch, Attempt.MOVE, 2)

    results = at_once(lambda _number: throttle.count(Attempt.MOVE, "somebody", NOW))

    assert results.count(None) == 2


def test_a_name_is_signed_up_once() -> None:
    def sign_up(number: int) -> Any:
        return accounts.sign_up(newcomer("dora", email=f"{number}@example.org", roles=[Role.DEVELOPER]), now=NOW)

    results = at_once(sign_up)

    assert sum(isinstance(result, type) for result in results) == THREADS - 1
