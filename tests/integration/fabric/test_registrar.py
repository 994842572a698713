"""The registrar on a real Fabric CA: what it does, and what it must not be able to do."""

import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.fabric.profiles import registrar_profile
from fabric_client.authority import AuthorityClient, Registration
from fabric_client.errors import AuthorityRefused
from fabric_client.identity import Identity
from fabric_client.profile import RegistrarProfile
from portal.membership.errors import RegistrarRefused, RegistrarUnavailable
from portal.membership.registrar import FabricRegistrar
from tests.support.fabric.network import FabricNetwork
from tests.support.portal.registrar_contract import RegistrarContract, newcomer
from wire.enrolment import certificate_request
from wire.signing import SigningKey

GUESS = "guessed"
NOWHERE = "/nowhere"


@pytest.fixture(scope="module")
def profile(fabric_network: FabricNetwork) -> RegistrarProfile:
    return registrar_profile(fabric_network.places, fabric_network.network, "peers")


class TestFabricRegistrar(RegistrarContract):
    @pytest.fixture
    def registrar(self, profile: RegistrarProfile) -> FabricRegistrar:
        return FabricRegistrar(profile)


@pytest.fixture
def authority(profile: RegistrarProfile) -> Iterator[AuthorityClient]:
    with AuthorityClient(profile.address, Path(profile.tls_root)) as opened:
        yield opened


@pytest.fixture
def portal(profile: RegistrarProfile) -> Identity:
    return Identity.read(profile.msp_id, Path(profile.identity))


def test_the_network_writes_the_profile_that_the_setting_names(
    fabric_network: FabricNetwork, profile: RegistrarProfile
) -> None:
    written = RegistrarProfile.read(fabric_network.root / "profiles" / "peers-registrar.json")

    assert written == profile
    secrets = (Path(profile.secret), Path(profile.identity) / "keystore" / "key.pem")
    assert [stat.S_IMODE(path.stat().st_mode) for path in secrets] == [0o600, 0o600]


@pytest.mark.parametrize(
    ("kind", "affiliation"), [("admin", ""), ("orderer", ""), ("peer", ""), ("client", "."), ("client", "readers")]
)
def test_the_portals_registrar_admits_nobody_but_participants(
    authority: AuthorityClient, portal: Identity, kind: str, affiliation: str
) -> None:
    wanted = Registration(name=f"mine-{kind}", kind=kind, password=GUESS, affiliation=affiliation)

    with pytest.raises(AuthorityRefused):
        authority.register(portal, wanted)


def test_the_portals_registrar_gives_nobody_its_own_rights(authority: AuthorityClient, portal: Identity) -> None:
    wanted = Registration(
        name="second-registrar", kind="client", password=GUESS, attributes={"hf.Registrar.Roles": "client"}
    )

    with pytest.raises(AuthorityRefused):
        authority.register(portal, wanted)


def test_the_portals_registrar_revokes_nobody_of_the_organisation_itself(
    authority: AuthorityClient, portal: Identity
) -> None:
    for name in ("administrator", "peer0.peers", "registrar"):
        with pytest.raises(AuthorityRefused):
            authority.revoke(portal, name)


def test_a_provider_registers_and_revokes_nobody(profile: RegistrarProfile, authority: AuthorityClient) -> None:
    member, key = newcomer()
    certificate = FabricRegistrar(profile).certify(member, certificate_request(member.name, key))
    provider = Identity(msp_id=profile.msp_id, certificate=certificate.encode(), key=key)

    with pytest.raises(AuthorityRefused):
        authority.register(provider, Registration(name="friend", kind="client", password=GUESS))
    with pytest.raises(AuthorityRefused):
        authority.revoke(provider, "operator")


def test_a_member_whose_password_is_guessed_gets_nothing(profile: RegistrarProfile, authority: AuthorityClient) -> None:
    member, key = newcomer()
    FabricRegistrar(profile).certify(member, certificate_request(member.name, key))

    with pytest.raises(AuthorityRefused):
        authority.enrol(member.name, GUESS, certificate_request(member.name, SigningKey.generate()))


def test_a_ca_that_does_not_answer_is_told_apart_from_one_that_refuses(profile: RegistrarProfile) -> None:
    member, key = newcomer()
    request = certificate_request(member.name, key)

    with pytest.raises(RegistrarUnavailable):
        FabricRegistrar(replace(profile, address="127.0.0.1:1")).certify(member, request)
    with pytest.raises(RegistrarRefused, match="No such file"):
        FabricRegistrar(replace(profile, secret=NOWHERE)).certify(member, request)
