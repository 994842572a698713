"""An enrolled machine keeps its certificates in force, by a command and by itself."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from portal.membership.ports import provider_member
from portal.membership.testing import InMemoryRegistrar
from provider_agent.cli import main
from provider_agent.errors import AgentError
from provider_agent.machine import config as configs
from provider_agent.machine import enrolment, keys, renewal
from provider_agent.machine import membership as memberships
from provider_agent.machine.config import default_offer
from provider_agent.machine.doctor import check_network
from provider_agent.machine.home import AgentHome
from provider_agent.machine.portal import Portal
from provider_agent.machine.renewal import RenewalLoop, Renewed
from tests.support.fake_portal import Answer, FakePortal, fake_portal
from tests.support.waiting import wait_for
from wire import signing
from wire.codec import decode
from wire.enrolment import RenewalStatement
from wire.signing import SigningKey, key_id_of

PEERS = [{"address": "peer0.example:7051", "tls_root_pem": "root"}]


class Renewing:
    """A portal that gives certificates, and those on the network as its registrar does."""

    def __init__(self, portal: FakePortal) -> None:
        self.portal = portal
        self.registrar = InMemoryRegistrar()
        self.peers = PEERS
        self.on_fabric = True
        portal.answer = self.answer

    def answer(self, request: dict[str, Any]) -> Answer:
        fabric = self.membership(request) if self.on_fabric else None
        if request["path"].endswith("/enrolments"):
            return self.portal.enrolled(fabric=fabric)
        key_id = key_id_of(request["statement"])
        own = InMemoryRegistrar()
        wanted = memberships.request(self.key)
        certificate = own.certify(provider_member(key_id), wanted)
        return 200, json.dumps({"certificate_pem": certificate, "fabric": fabric}).encode()

    def membership(self, request: dict[str, Any]) -> dict[str, Any]:
        wanted = request["certificate_request"]
        key_id = key_id_of(request["statement"])
        certificate = self.registrar.certify(provider_member(key_id), wanted) if wanted else ""
        return {
            "msp_id": "PeersMSP",
            "certificate_pem": certificate,
            "channel": "chainfaas",
            "chaincode": "market",
            "peers": self.peers,
        }

    key: SigningKey


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[FakePortal]:
    with fake_portal(tmp_path / "tls") as running:
        yield running


@pytest.fixture
def renewing(portal: FakePortal) -> Renewing:
    return Renewing(portal)


@pytest.fixture
def home(portal: FakePortal, renewing: Renewing, tmp_path: Path) -> AgentHome:
    """A machine that is enrolled."""
    place = AgentHome(tmp_path / "home")
    enrol(place, portal)
    renewing.key = keys.load(place).signing
    portal.requests.clear()
    return place


def enrol(home: AgentHome, portal: FakePortal) -> None:
    address = Portal(portal.url, portal.ca_file)
    enrolment.enrol(home, portal=address, code="code", offer=default_offer(), authority=portal.ca_file)


def renew(home: AgentHome, portal: FakePortal, *, after: timedelta = timedelta()) -> Renewed:
    return renewal.renew(home, Portal(portal.url, portal.ca_file), now=datetime.now(UTC) + after)


def command(home: AgentHome, *words: str) -> Result:
    return CliRunner().invoke(main, [*words, "--home", str(home.path)])


def network_certificate(home: AgentHome) -> str:
    found = memberships.load(home)
    assert found is not None
    return found.certificate_pem


def test_a_machine_becomes_a_member_of_the_network_when_it_enrols(home: AgentHome) -> None:
    found = memberships.load(home)

    assert found is not None
    assert [peer.address for peer in found.peers] == ["peer0.example:7051"]
    assert "PRIVATE" not in home.fabric.read_text()


def test_where_the_ledger_is_no_network_nothing_is_kept_of_one(
    portal: FakePortal, renewing: Renewing, tmp_path: Path
) -> None:
    renewing.on_fabric = False
    place = AgentHome(tmp_path / "embedded")

    enrol(place, portal)
    renewing.key = keys.load(place).signing

    assert memberships.load(place) is None
    assert "no other certificate is needed" in command(place, "renew").output
    assert "chainfaas-agent renew, or --through portal" in command(place, "claim-status", "job").output


def test_a_certificate_with_time_left_stays_and_the_list_of_peers_is_renewed(
    home: AgentHome, portal: FakePortal, renewing: Renewing
) -> None:
    before = network_certificate(home)
    renewing.peers = [*PEERS, {"address": "peer1.example:7051", "tls_root_pem": "root"}]

    renew(home, portal)

    found = memberships.load(home)
    assert found is not None
    assert (found.certificate_pem, len(found.peers)) == (before, 2)
    (request,) = portal.requests
    assert (request["path"], request["certificate_request"]) == ("/api/v1/renewals", "")
    said = decode(RenewalStatement, renewing.key.public.verify(request["statement"], signing.RENEWAL))
    assert abs(said.signed_at_ms / 1000 - datetime.now(UTC).timestamp()) < 60


def test_a_certificate_near_its_end_is_replaced(home: AgentHome, portal: FakePortal) -> None:
    before = network_certificate(home)

    renew(home, portal, after=timedelta(days=300))
    assert network_certificate(home) == before
    renew(home, portal, after=timedelta(days=310))

    assert network_certificate(home) != before


def test_a_machine_that_was_enrolled_before_the_network_becomes_a_member(home: AgentHome, portal: FakePortal) -> None:
    home.fabric.unlink()

    assert "1 peers known" in command(home, "renew").output

    assert network_certificate(home)
    assert configs.load(home).certificate_pem.startswith("-----BEGIN CERTIFICATE")
    assert portal.requests[0]["certificate_request"]


def test_the_command_renews_whatever_time_is_left(home: AgentHome) -> None:
    before = network_certificate(home)

    told = command(home, "renew")

    assert told.exit_code == 0, told.output
    assert network_certificate(home) != before


def test_a_certificate_of_another_key_is_not_taken(home: AgentHome, renewing: Renewing) -> None:
    before = home.fabric.read_bytes(), home.config.read_bytes()
    renewing.key = SigningKey.generate()
    renewing.portal.answer = lambda _: (
        200,
        json.dumps({"certificate_pem": certificate_of(renewing.key), "fabric": None}).encode(),
    )

    told = command(home, "renew")

    assert told.exit_code == 1
    assert "of another key" in told.output
    assert (home.fabric.read_bytes(), home.config.read_bytes()) == before


def certificate_of(key: SigningKey) -> str:
    return InMemoryRegistrar().certify(provider_member(key.public.key_id), memberships.request(key))


def test_a_portal_that_is_away_leaves_everything_as_it_was(home: AgentHome, portal: FakePortal) -> None:
    before = home.fabric.read_bytes()
    portal.answer = lambda _: None

    told = command(home, "renew")

    assert (told.exit_code, home.fabric.read_bytes()) == (1, before)
    assert "try again" in told.output


def test_claiming_without_grpc_names_the_cure(home: AgentHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "provider_agent.claims.peers", raising=False)
    monkeypatch.setitem(sys.modules, "provider_agent.claims.peers", None)

    told = command(home, "claim-status", "job")

    assert told.exit_code == 1
    assert "pip install 'chainfaas-agent[fabric]'" in told.output
    assert "--through portal" in told.output


def test_the_loop_renews_at_once_and_outlives_failures() -> None:
    calls: list[int] = []

    def work() -> Renewed:
        calls.append(1)
        raise AgentError("the portal is away")

    loop = RenewalLoop(work)
    loop.start()
    wait_for("the first renewal", lambda: calls, 30)
    loop.stop()
    loop._thread.join(30)

    assert not loop._thread.is_alive()


@pytest.mark.parametrize(
    ("days", "level", "words"), [(0, "ok", "1 peers known"), (340, "warn", "renew"), (366, "fail", "has ended")]
)
def test_the_doctor_tells_of_a_certificate_near_its_end(home: AgentHome, days: int, level: str, words: str) -> None:
    (finding,) = check_network(memberships.load(home), datetime.now(UTC) + timedelta(days=days))

    assert finding.level == level
    assert words in finding.text


def test_the_doctor_has_nothing_to_tell_of_no_network() -> None:
    assert list(check_network(None, datetime.now(UTC))) == []
