"""Providers on a Fabric network: enrolled, renewed and expelled through the API."""

from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from django.utils import timezone

from fabric_client.profile import PeerPlace, Profile
from portal import composition
from portal.membership.admission import Admission
from portal.membership.testing import InMemoryRegistrar
from portal.providers import operations
from portal.providers.certificates import provider_certificate
from portal.providers.models import Provider
from tests.integration.portal_api.conftest import Clients
from tests.support.machines import Machine
from tests.support.people import People
from wire import names, signing
from wire.codec import canonical_json
from wire.enrolment import certificate_request
from wire.signing import SigningKey

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("controller_keys", "broker_users")]


@pytest.fixture
def registrar(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> InMemoryRegistrar:
    """The registrar of a network with one peer."""
    made = InMemoryRegistrar()
    (tmp_path / "root.pem").write_text("root")
    profile = Profile(
        channel="chainfaas",
        chaincode="market",
        msp_id="ControllerMSP",
        identity="/nowhere",
        peers=(PeerPlace(address="peer0.example:7051", tls_root=str(tmp_path / "root.pem")),),
        orderers={},
    )
    monkeypatch.setattr(composition, "registrar", lambda: made)
    monkeypatch.setattr(composition, "admission", lambda: Admission(registrar=made, profile=lambda: profile))
    return made


class Home:
    """A PC that enrols and renews."""

    def __init__(self, people: People, api: Clients) -> None:
        self.machine = Machine()
        self.code = operations.create_code(people.provider, name="attic", now=timezone.now()).text
        self.api = api

    @property
    def request(self) -> str:
        return asked_by(self.machine.key)

    def enrols(self, request: str | None = None) -> Any:
        body = {
            "code": self.code,
            "statement": self.machine.statement(self.code),
            "certificate_request": self.request if request is None else request,
        }
        return self.api.call(None, "POST", "enrolments", body)

    def renews(self, request: str = "", *, key: SigningKey | None = None, **changes: Any) -> Any:
        said = {"signed_at_ms": int(timezone.now().timestamp() * 1000), **changes}
        statement = (key or self.machine.key).sign(canonical_json(said), signing.RENEWAL)
        return self.api.call(None, "POST", "renewals", {"statement": statement, "certificate_request": request})


def asked_by(key: SigningKey, name: str = "") -> str:
    return certificate_request(name or names.fabric_member(key.public.key_id), key)


@pytest.fixture
def home(people: People, api: Clients) -> Home:
    return Home(people, api)


def test_a_machine_gets_its_place_on_the_network_when_it_enrols(home: Home, registrar: InMemoryRegistrar) -> None:
    told = home.enrols().json()["fabric"]

    certificate = x509.load_pem_x509_certificate(told.pop("certificate_pem").encode())
    assert certificate.public_key() == home.machine.key.public.key
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(registrar.root_pem.encode()))
    assert told == {
        "msp_id": "PeersMSP",
        "channel": "chainfaas",
        "chaincode": "market",
        "peers": [{"address": "peer0.example:7051", "tls_root_pem": "root"}],
    }


@pytest.mark.usefixtures("registrar")
def test_a_request_for_another_key_or_name_is_refused_before_anything_is_stored(home: Home) -> None:
    mallory = SigningKey.generate()
    for request in (asked_by(mallory), asked_by(home.machine.key, "administrator"), "nonsense"):
        refused = home.enrols(request)

        assert (refused.status_code, list(refused.json()["fields"])) == (400, ["certificate_request"])
    own_name = names.fabric_member(home.machine.key.public.key_id)
    assert home.enrols(asked_by(mallory, own_name)).status_code == HTTPStatus.BAD_REQUEST
    assert not Provider.objects.exists()


def test_an_enrolment_goes_on_where_the_networks_authority_was_away(home: Home, registrar: InMemoryRegistrar) -> None:
    registrar.is_away = True
    away = home.enrols()
    registrar.is_away = False

    assert (away.status_code, away.json()["retryable"]) == (503, True)
    assert home.enrols().json()["fabric"]["certificate_pem"]
    assert Provider.objects.count() == 1


@pytest.mark.usefixtures("registrar")
def test_an_enrolled_machine_renews_what_it_asks_for(home: Home) -> None:
    first = home.enrols().json()

    only_peers, both = home.renews().json(), home.renews(home.request).json()

    assert only_peers["fabric"] == {**first["fabric"], "certificate_pem": ""}
    assert both["fabric"]["certificate_pem"] not in ("", first["fabric"]["certificate_pem"])
    assert both["certificate_pem"] == first["certificate_pem"]


def test_the_certificate_of_the_signing_key_is_renewed_before_it_ends(home: Home) -> None:
    first = home.enrols().json()
    provider = Provider.objects.get()
    key = home.machine.key.public
    earlier = timezone.now() - timedelta(days=700)
    provider.certificate_pem = provider_certificate(composition.certificate_authority(), provider.id, key, earlier)
    provider.save()

    renewed = home.renews().json()["certificate_pem"]

    assert renewed not in (first["certificate_pem"], provider.certificate_pem)
    left = x509.load_pem_x509_certificate(renewed.encode()).not_valid_after_utc - timezone.now()
    assert left > timedelta(days=700)
    assert Provider.objects.get().certificate_pem == renewed


def test_nobody_renews_for_another_machine(home: Home, registrar: InMemoryRegistrar) -> None:
    home.enrols()
    mallory = SigningKey.generate()
    old = int((timezone.now() - timedelta(minutes=6)).timestamp() * 1000)

    assert home.renews(key=mallory).status_code == HTTPStatus.NOT_FOUND
    assert home.renews(asked_by(mallory)).status_code == HTTPStatus.BAD_REQUEST
    assert home.renews(signed_at_ms=old).json()["fields"]["statement"]
    assert home.renews(signed_at_ms="x").status_code == HTTPStatus.BAD_REQUEST
    forged = home.machine.statement(home.code)
    answer = home.api.call(None, "POST", "renewals", {"statement": forged})
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert not registrar.expelled


def test_a_revoked_provider_is_expelled_from_the_network_and_renews_nothing(
    home: Home, registrar: InMemoryRegistrar, people: People, api: Clients
) -> None:
    provider_id = home.enrols().json()["provider_id"]
    registrar.is_away = True
    assert api.call(people.provider, "POST", f"providers/{provider_id}/revoke").status_code == 503
    registrar.is_away = False

    again = api.call(people.provider, "POST", f"providers/{provider_id}/revoke")

    assert (again.status_code, again.json()["state"]) == (200, "revoked")
    assert registrar.expelled == {names.fabric_member(home.machine.key.public.key_id)}
    assert home.renews(home.request).status_code == HTTPStatus.CONFLICT


def test_where_the_ledger_is_no_network_there_is_no_place_on_one(home: Home) -> None:
    assert home.enrols().json()["fabric"] is None
    assert home.renews(home.request).json()["fabric"] is None
