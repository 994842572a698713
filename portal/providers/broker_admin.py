"""Users, rights and queues on the broker: the port, and RabbitMQ's management HTTP API behind it."""

import base64
import hashlib
import re
import secrets
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import quote
from uuid import UUID

import httpx

from portal.environment import secret_setting, setting
from portal.providers.errors import BrokerAdminRefused, BrokerAdminUnavailable
from wire import names
from wire.topology import CONTROLLER_QUEUES, QueueSpec, provider_queues

MAX_CONNECTIONS = 2
MAX_CHANNELS = 4
_NOTHING = "^$"
_EVERYTHING = ".*"
_PREFIX = names.broker_user(UUID(int=0)).removesuffix(UUID(int=0).hex)
_SECONDS = 15.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderAccess:
    """What the broker has to know of a provider."""

    provider_id: UUID
    #: The random part of its queues' names.
    queue_secret: str
    #: As `hash_password` returns it; the password itself is known to the agent only.
    password_hash: str


class BrokerAdmin(Protocol):
    """The broker, as who enrols providers sees it. Every call may be repeated: `RabbitAdmin`, `InMemoryBrokerAdmin`.

    Each method raises `BrokerAdminUnavailable` when the broker cannot be reached, `BrokerAdminRefused` when it says no.
    """

    def set_up(self) -> None:
        """Make the virtual host, the exchange and the controller's queues."""

    def grant(self, access: ProviderAccess) -> None:
        """Make a provider's queues and its user, who may do exactly what an agent has to."""

    def revoke(self, provider_id: UUID, queue_secret: str) -> None:
        """Remove a provider's user, connections and queues."""

    def granted(self) -> frozenset[UUID]:
        """Return the providers that have a user."""


def hash_password(password: str) -> str:
    """Return a password as RabbitMQ stores it, so that users can be made again from the database."""
    salt = secrets.token_bytes(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


class RabbitAdmin:
    """RabbitMQ's management HTTP API."""

    def __init__(self, url: str, *, vhost: str, user: str, password: str) -> None:
        self._vhost = quote(vhost, safe="")
        self._user = user
        self._url = f"{url.rstrip('/')}/api/"
        self._password = password
        self._tls = ssl.create_default_context()

    @classmethod
    def from_settings(cls) -> "RabbitAdmin":
        """Return the client of this installation's broker."""
        return cls(
            setting("CHAINFAAS_BROKER_ADMIN_URL"),
            vhost=setting("CHAINFAAS_BROKER_VHOST"),
            user=setting("CHAINFAAS_BROKER_USER"),
            password=secret_setting("CHAINFAAS_BROKER_PASSWORD_FILE"),
        )

    def set_up(self) -> None:
        self._put(f"vhosts/{self._vhost}")
        everything = {"configure": _EVERYTHING, "write": _EVERYTHING, "read": _EVERYTHING}
        self._put(f"permissions/{self._vhost}/{quote(self._user, safe='')}", everything)
        self._put(f"exchanges/{self._vhost}/{names.PROVIDER_EVENTS}", {"type": "topic", "durable": True})
        for queue in CONTROLLER_QUEUES:
            self._declare(queue)

    def grant(self, access: ProviderAccess) -> None:
        user = names.broker_user(access.provider_id)
        for queue in provider_queues(access.queue_secret):
            self._declare(queue)
        hashed = {"password_hash": access.password_hash, "hashing_algorithm": "rabbit_password_hashing_sha256"}
        self._put(f"users/{user}", {**hashed, "tags": ""})
        self._put(f"user-limits/{user}/max-connections", {"value": MAX_CONNECTIONS})
        self._put(f"user-limits/{user}/max-channels", {"value": MAX_CHANNELS})
        # The topic right first: without one, the plain right to write would allow every routing key.
        keys = {
            "exchange": names.PROVIDER_EVENTS,
            "write": f"^{re.escape(names.event_key(access.provider_id, ''))}[a-z]+$",
            "read": _NOTHING,
        }
        self._put(f"topic-permissions/{self._vhost}/{user}", keys)
        rights = {
            "configure": _NOTHING,
            "write": rf"^{names.PROVIDER_EVENTS}$",
            "read": rf"^(jobs|control)\.{access.queue_secret}$",
        }
        self._put(f"permissions/{self._vhost}/{user}", rights)

    def revoke(self, provider_id: UUID, queue_secret: str) -> None:
        user = names.broker_user(provider_id)
        self._delete(f"users/{user}")
        for connection in self._call("GET", f"connections/username/{user}").json():
            self._delete(f"connections/{quote(connection['name'], safe='')}")
        for queue in provider_queues(queue_secret):
            self._delete(f"queues/{self._vhost}/{queue.name}")

    def granted(self) -> frozenset[UUID]:
        found = set()
        for user in self._call("GET", "users/?columns=name").json():
            with suppress(ValueError):
                if user["name"].startswith(_PREFIX):
                    found.add(UUID(user["name"].removeprefix(_PREFIX)))
        return frozenset(found)

    def _declare(self, queue: QueueSpec) -> None:
        path = f"queues/{self._vhost}/{queue.name}"
        self._put(path, {"durable": True, "auto_delete": False, "arguments": queue.arguments})
        for key in queue.bindings:
            source = f"bindings/{self._vhost}/e/{names.PROVIDER_EVENTS}/q/{queue.name}"
            self._call("POST", source, {"routing_key": key, "arguments": {}})

    def _put(self, path: str, body: Mapping[str, Any] | None = None) -> None:
        self._call("PUT", path, body or {})

    def _delete(self, path: str) -> None:
        self._call("DELETE", path, missing_is_fine=True)

    def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, missing_is_fine: bool = False
    ) -> httpx.Response:
        try:
            with httpx.Client(verify=self._tls, timeout=_SECONDS, trust_env=False) as http:
                login = (self._user, self._password)
                response = http.request(method, f"{self._url}{path}", json=body, auth=login)
        except httpx.TransportError as error:
            raise BrokerAdminUnavailable from error
        if response.is_success or (missing_is_fine and response.status_code == HTTPStatus.NOT_FOUND):
            return response
        if response.is_server_error:
            raise BrokerAdminUnavailable
        raise BrokerAdminRefused(f"The message broker answered {response.status_code} to {method} {path}.")
