"""The people of a marketplace, and what they own; a stranger is refused everywhere."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from portal import composition
from portal.accounts import operations as accounts
from portal.accounts import throttle
from portal.accounts.models import Account, Organisation, Role
from portal.accounts.operations import Newcomer
from portal.accounts.throttle import Attempt
from portal.functions import operations as functions
from portal.functions.drafts import FunctionDraft, VersionDraft
from portal.functions.images import parse_link
from portal.functions.models import Function
from portal.functions.testing import FakeRegistry
from portal.keys import signing_key
from portal.keys.making import make_keys
from portal.providers.testing import InMemoryBrokerAdmin
from wire.ledger.records import FeePolicy

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ADDRESS = "192.0.2.1"
PASSWORD = "correct horse battery staple"  # noqa: S105 - of people who do not exist
IMAGE_LINK = "registry.example/word-count:1"
DIGEST = "sha256:" + "a" * 64
OTHER_LINK = "registry.example/word-count:2"
OTHER_DIGEST = "sha256:" + "b" * 64


@dataclass(frozen=True, kw_only=True, slots=True)
class People:
    """One of each kind."""

    developer: Account
    provider: Account
    other_provider: Account
    peer: Account
    #: Of the controller organisation.
    administrator: Account
    peers_administrator: Account
    #: Holds every role that can be had without an administrator, and owns nothing.
    stranger: Account


@pytest.fixture
def quick_passwords(settings: Settings) -> None:
    """Hash passwords at once: what takes its time against attackers would take most of the tests' time."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def people(db: None, quick_passwords: None) -> People:  # noqa: ARG001 - fixtures
    """A developer, two providers, a peer that is approved, an administrator of each organisation, a stranger."""
    administrator = accounts.make_administrator("ada", email="ada@example.org", password=PASSWORD)
    peers_administrator = accounts.make_administrator(
        "pia", email="pia@example.org", password=PASSWORD, organisation=Organisation.PEERS
    )
    peer = _person("petra", Role.PEER)
    accounts.decide_role(peer.roles.get(), approve=True, by=administrator, now=NOW)
    return People(
        developer=_person("dora", Role.DEVELOPER),
        provider=_person("paul", Role.PROVIDER),
        other_provider=_person("quinn", Role.PROVIDER),
        peer=peer,
        administrator=administrator,
        peers_administrator=peers_administrator,
        stranger=_person("mallory", Role.DEVELOPER, Role.PROVIDER),
    )


def _person(name: str, *roles: Role) -> Account:
    return accounts.sign_up(newcomer(name, roles=roles), now=NOW)


def newcomer(name: str, *, roles: Collection[Role], email: str = "", password: str = PASSWORD) -> Newcomer:
    """Return somebody who signs up."""
    return Newcomer(
        username=name, email=email or f"{name}@example.org", password=password, roles=roles, address=ADDRESS
    )


def bounded(monkeypatch: pytest.MonkeyPatch, attempt: Attempt, attempts: int) -> None:
    """Let something be tried so often and no more."""
    monkeypatch.setitem(throttle.BOUNDS, attempt, replace(throttle.BOUNDS[attempt], attempts=attempts))


def signed_in(account: Account) -> Client:
    """Return a client that sends one of the account's tokens."""
    made = accounts.make_token(account, name="test", now=NOW)
    return Client(headers={"Authorization": f"Bearer {made.text}"}, SERVER_NAME="localhost")


@pytest.fixture
def image_registry(monkeypatch: pytest.MonkeyPatch) -> FakeRegistry:
    """A registry with two tags of one image, in place of all others."""
    registry = FakeRegistry()
    registry.add(parse_link(IMAGE_LINK), digest=DIGEST)
    registry.add(parse_link(OTHER_LINK), digest=OTHER_DIGEST)
    monkeypatch.setattr(composition, "registry", lambda: registry)
    return registry


@pytest.fixture
def broker_users(monkeypatch: pytest.MonkeyPatch) -> InMemoryBrokerAdmin:
    """A broker that is set up, in place of RabbitMQ."""
    broker = InMemoryBrokerAdmin()
    broker.set_up()
    monkeypatch.setattr(composition, "broker_admin", lambda: broker)
    return broker


@pytest.fixture
def controller_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A keys directory as `manage.py make_keys` leaves it."""
    directory = tmp_path / "controller-keys"
    list(make_keys(directory, fee_policy=FeePolicy(version=1, platform_ppm=0, peers_ppm=0), now=NOW))
    monkeypatch.setenv("CHAINFAAS_KEYS_DIR", str(directory))
    caches: tuple[Any, ...] = (composition.certificate_authority, signing_key)
    for cached in caches:
        cached.cache_clear()
    yield directory
    for cached in caches:
        cached.cache_clear()


def version_draft(**changes: Any) -> VersionDraft:
    """Return a version that can be registered."""
    plain: dict[str, Any] = {
        "image_link": IMAGE_LINK,
        "price_ceiling_nano_per_ms": 100,
        "budget_micro_per_day": 1_000_000,
    }
    return VersionDraft(**(plain | changes))


@pytest.fixture
def function(people: People, image_registry: FakeRegistry) -> Function:
    """The developer's function `word-count`, a draft."""
    draft = FunctionDraft(name="word-count", version=version_draft())
    return functions.register_function(people.developer, draft=draft, registry=image_registry, now=NOW)
