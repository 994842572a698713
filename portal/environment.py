"""Every setting that comes from the environment: its name, meaning, default and form; docs/settings.md."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class SettingError(Exception):
    """A setting is missing or wrong; the message names it and says what would be right."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One environment variable."""

    name: str
    meaning: str
    #: None: it must be set.
    default: str | None = None


SETTINGS: dict[str, Setting] = {
    item.name: item
    for item in (
        Setting(name="CHAINFAAS_SECRET_KEY_FILE", meaning="File with Django's secret key, at least 50 characters."),
        Setting(
            name="CHAINFAAS_DATABASE_URL",
            meaning="`sqlite:////absolute/path` or `postgresql://user@host:port/name`; no password in it.",
        ),
        Setting(
            name="CHAINFAAS_DATABASE_PASSWORD_FILE", meaning="File with PostgreSQL's password; empty: none.", default=""
        ),
        Setting(name="CHAINFAAS_PORTAL_URL", meaning="Where people reach the portal, as `https://localhost:8443`."),
        Setting(
            name="CHAINFAAS_FUNCTIONS_URL",
            meaning="Where functions answer: a host name other than the portal's, as `https://127.0.0.1:8444`.",
        ),
        Setting(name="CHAINFAAS_BROKER_HOST", meaning="RabbitMQ's host for the controller.", default="127.0.0.1"),
        Setting(name="CHAINFAAS_BROKER_PORT", meaning="RabbitMQ's AMQP port for the controller.", default="5672"),
        Setting(name="CHAINFAAS_BROKER_VHOST", meaning="The virtual host of this marketplace.", default="chainfaas"),
        Setting(name="CHAINFAAS_BROKER_USER", meaning="The controller's user on the broker.", default="controller"),
        Setting(name="CHAINFAAS_BROKER_PASSWORD_FILE", meaning="File with that user's password."),
        Setting(
            name="CHAINFAAS_BROKER_ADMIN_URL",
            meaning="RabbitMQ's management API, by which providers are enrolled.",
            default="http://127.0.0.1:15672",
        ),
        Setting(
            name="CHAINFAAS_BROKER_PUBLIC_URL",
            meaning="Where agents reach the broker: `amqps://host:port`, or `amqp://` on a private network.",
            default="amqp://127.0.0.1:5672",
        ),
        Setting(name="CHAINFAAS_KEYS_DIR", meaning="Directory (mode 0700) with the controller's keys; docs/keys.md."),
        Setting(name="CHAINFAAS_LEDGER_FILE", meaning="The embedded ledger's SQLite file."),
        Setting(
            name="CHAINFAAS_FABRIC_PROFILE",
            meaning="Connection profile of the recorder on a Fabric network (`fabric-network/network up` writes it); "
            "empty: the embedded ledger.",
            default="",
        ),
        Setting(
            name="CHAINFAAS_FABRIC_REGISTRAR",
            meaning="Profile of the registrar by which the portal admits providers and peers' operators to a Fabric "
            "network (`network up` writes one for each organisation); empty: nobody is admitted.",
            default="",
        ),
        Setting(
            name="CHAINFAAS_OUTBOX_DAYS",
            meaning="For how many days the database keeps operations of jobs that the ledger took, and what "
            "participants sent and it refused; at least 3. On the ledger all stay.",
            default="30",
        ),
        Setting(
            name="CHAINFAAS_REGISTRIES",
            meaning="Registries allowed besides those at public addresses, comma-separated `host:port`; "
            "`http://host:port` for one without TLS.",
            default="",
        ),
        Setting(
            name="CHAINFAAS_GATEWAY_WORKERS",
            meaning="How many processes (gunicorn's `--workers`) answer calls of functions: "
            "each lets through its share of a version's calls a minute.",
            default="1",
        ),
        Setting(
            name="CHAINFAAS_SCHEDULER_HTTP", meaning="Health and metrics of the scheduler.", default="127.0.0.1:9101"
        ),
        Setting(
            name="CHAINFAAS_LEDGER_HTTP",
            meaning="Health and metrics of recorder and follower.",
            default="127.0.0.1:9102",
        ),
        Setting(
            name="CHAINFAAS_SIGNER_HTTP",
            meaning="Health and metrics of a signer; each signer's process has its own.",
            default="127.0.0.1:9103",
        ),
        Setting(name="CHAINFAAS_LOG_LEVEL", meaning="DEBUG, INFO, WARNING or ERROR.", default="INFO"),
    )
}


def setting(name: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return a setting's value.

    :raises SettingError: when it is missing and has no default.
    """
    value = environ.get(name, SETTINGS[name].default)
    if value is None:
        raise SettingError(f"{name} is not set: {SETTINGS[name].meaning}")
    return value


def integer_setting(name: str, environ: Mapping[str, str] = os.environ, *, least: int = 0) -> int:
    """Return a setting that is a whole number.

    :raises SettingError: when it is missing, not one, or less than it may be.
    """
    value = setting(name, environ)
    if not (value.isascii() and value.isdecimal()):
        raise SettingError(f"{name}={value!r}: expected a whole number")
    if int(value) < least:
        raise SettingError(f"{name}={value}: expected at least {least}")
    return int(value)


def http_address_setting(name: str, environ: Mapping[str, str] = os.environ) -> tuple[str, int]:
    """Return a setting that is `host:port`.

    :raises SettingError: when it is missing or not that.
    """
    text = setting(name, environ)
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdecimal()):
        raise SettingError(f"{name}={text!r}: expected host:port")
    return host, int(port)


def secret_setting(name: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the content of the file that a setting names; empty when the setting is empty.

    :raises SettingError: when the setting is missing or the file cannot be read.
    """
    path = setting(name, environ)
    if not path:
        return ""
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise SettingError(f"{name}={path}: cannot be read: {error.strerror}") from error
