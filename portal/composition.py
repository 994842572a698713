"""Builds the adapters that web pages, API and commands hand to operations, from the settings."""

from functools import cache, partial
from pathlib import Path

from cryptography import x509
from django.utils import timezone

from fabric_client.errors import BadIdentity
from fabric_client.profile import Profile, RegistrarProfile
from portal.custody.announcing import announce_provider
from portal.environment import SettingError, setting
from portal.functions.addresses import RegistryList
from portal.functions.images import Registry
from portal.functions.registry import HttpRegistry
from portal.keys import CA_CERTIFICATE_FILE, CA_KEY_FILE, load_genesis, load_signing_key, read_file
from portal.membership.admission import Admission
from portal.membership.ports import Registrar
from portal.membership.registrar import FabricRegistrar
from portal.peers.network import KnownNetwork, network_of
from portal.providers.broker_admin import BrokerAdmin, RabbitAdmin
from portal.providers.operations import Announce
from wire.certificates import CertificateAuthority


@cache
def registry_list() -> RegistryList:
    """Return the registries that the administrator allows besides those at public addresses."""
    return RegistryList.parse(setting("CHAINFAAS_REGISTRIES"))


@cache
def registry() -> Registry:
    """Return the client of image registries."""
    return HttpRegistry(registry_list())


@cache
def broker_admin() -> BrokerAdmin:
    """Return the client of the broker's management API."""
    return RabbitAdmin.from_settings()


@cache
def certificate_authority() -> CertificateAuthority:
    """Return the authority that certifies providers' keys.

    :raises KeyMissing: when `manage.py make_keys` has not run.
    """
    certificate = x509.load_pem_x509_certificate(read_file(CA_CERTIFICATE_FILE))
    return CertificateAuthority(key=load_signing_key(CA_KEY_FILE), certificate=certificate)


def root_key_pem() -> str:
    """Return the public root key, which agents pin.

    :raises KeyMissing: when `manage.py make_keys` has not run.
    """
    return load_genesis().ticket_root_key_pem


def announce() -> Announce:
    """Return what tells the ledger of a new provider."""
    return partial(announce_provider, now=timezone.now())


def admission() -> Admission | None:
    """Return what admits providers to the Fabric network; None when this installation admits nobody."""
    members, path = registrar(), setting("CHAINFAAS_FABRIC_PROFILE")
    if members is None or not path:
        return None
    return Admission(registrar=members, profile=partial(Profile.read, Path(path)))


@cache
def registrar() -> Registrar | None:
    """Return what admits members to the Fabric network; None when this installation admits nobody.

    :raises SettingError: when the setting names no registrar's profile.
    """
    path = setting("CHAINFAAS_FABRIC_REGISTRAR")
    if not path:
        return None
    try:
        return FabricRegistrar(RegistrarProfile.read(Path(path)))
    except BadIdentity as error:
        raise SettingError(f"CHAINFAAS_FABRIC_REGISTRAR: {error}") from error


def known_network() -> KnownNetwork:
    """Return the network that newcomers join.

    :raises NoNetwork: when there is none to join.
    :raises KeyMissing: when `manage.py make_keys` has not run.
    """
    return network_of(registrar(), load_genesis().text())
