import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from provider_agent.cli import main
from provider_agent.machine import config as configs
from provider_agent.machine import keys
from provider_agent.machine.home import AgentHome
from provider_agent.machine.portal import Portal
from tests.support.fake_portal import Answer, FakePortal, fake_portal
from tests.support.tickets import now_ms
from wire import signing
from wire.codec import decode
from wire.enrolment import EnrolmentStatement, code_digest
from wire.problems import Reason, problem_body
from wire.signing import PublicKey

CODE = "ABCD-EFGH-JKLM"


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[FakePortal]:
    with fake_portal(tmp_path / "tls") as running:
        yield running


@pytest.fixture
def home(tmp_path: Path) -> AgentHome:
    return AgentHome(tmp_path / "home")


def enroll(portal: FakePortal, home: AgentHome, *options: str) -> Result:
    words = ["enroll", portal.url, CODE, "--ca", str(portal.ca_file), "--home", str(home.path), *options]
    return CliRunner().invoke(main, words)


def test_a_machine_enrols_with_a_statement_that_its_own_key_signed(portal: FakePortal, home: AgentHome) -> None:
    result = enroll(portal, home)

    assert result.exit_code == 0, result.output
    request = portal.requests[0]
    own = keys.load(home)
    said = decode(EnrolmentStatement, own.signing.public.verify(request["statement"], signing.ENROLMENT))
    assert request["path"] == "/api/v1/enrolments"
    assert request["code"] == CODE
    assert said.code_digest == code_digest(CODE)
    assert PublicKey.from_pem(said.public_key_pem).key_id == own.signing.public.key_id
    assert said.sealing_key == own.sealing.public_hex
    assert said.architecture in {"amd64", "arm64"}


def test_what_the_portal_answered_is_kept_private(portal: FakePortal, home: AgentHome) -> None:
    enroll(portal, home)

    config = configs.load(home)
    assert config.name == "attic"
    assert config.root_key_pem == portal.controller.root.public.pem
    assert config.allowed_registries == ("http://localhost:5000",)
    assert home.broker_password.read_text() == "broker-secret"
    assert "broker-secret" not in home.config.read_text()
    assert home.authority.read_bytes() == portal.ca_file.read_bytes()
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in home.path.iterdir()} == {0o600}


def test_what_the_owner_offers_is_kept(portal: FakePortal, home: AgentHome) -> None:
    enroll(portal, home, "--price", "25", "--slots", "3", "--memory-mb", "512", "--cpu-millis", "1500")

    offer = configs.load(home).offer
    assert (offer.price_nano_per_ms, offer.slots, offer.memory_mb, offer.cpu_millis) == (25, 3, 512, 1500)


def test_private_keys_never_travel(portal: FakePortal, home: AgentHome) -> None:
    enroll(portal, home)

    sent = json.dumps(portal.requests)
    assert "PRIVATE" not in sent
    assert "PRIVATE" not in signing.payload_of(portal.requests[0]["statement"]).decode()


def test_a_lost_answer_is_healed_by_the_same_command(portal: FakePortal, home: AgentHome) -> None:
    portal.answer = lambda _: None
    lost = enroll(portal, home)
    assert lost.exit_code == 1
    assert "try again" in lost.output

    portal.answer = lambda _: portal.enrolled()
    again = enroll(portal, home)

    assert again.exit_code == 0
    statements = [request["statement"] for request in portal.requests]
    assert signing.key_id_of(statements[0]) == signing.key_id_of(statements[1])
    assert signing.payload_of(statements[0]) == signing.payload_of(statements[1])


def test_who_is_enrolled_is_told_so_and_nothing_changes(portal: FakePortal, home: AgentHome) -> None:
    enroll(portal, home)
    before = {path.name: path.read_bytes() for path in home.path.iterdir()}

    again = enroll(portal, home)

    assert again.exit_code == 0
    assert "is enrolled already, as attic" in again.output
    assert len(portal.requests) == 1
    assert {path.name: path.read_bytes() for path in home.path.iterdir()} == before


def test_another_portal_needs_another_home(portal: FakePortal, home: AgentHome) -> None:
    enroll(portal, home)

    words = ["enroll", "https://other.example", CODE, "--home", str(home.path)]
    result = CliRunner().invoke(main, words)

    assert result.exit_code == 1
    assert "use another --home" in result.output


def test_the_portals_hint_is_shown_as_it_is(portal: FakePortal, home: AgentHome) -> None:
    body = problem_body(Reason.CONFLICT, request_id="r-1", detail="This code was used by another machine.")
    portal.answer = lambda _: (409, json.dumps(body).encode())

    result = enroll(portal, home)

    assert result.exit_code == 1
    assert result.output == "Error: This code was used by another machine. (request r-1)\n"
    assert not home.config.exists()


@pytest.mark.parametrize(
    "answer",
    [(500, b"<html>oops"), (200, b"<html>a captive portal"), (200, b"{}"), (302, b"")],
)
def test_an_answer_that_is_no_enrolment_is_an_error_in_a_sentence(
    portal: FakePortal, home: AgentHome, answer: Answer
) -> None:
    portal.answer = lambda _: answer

    result = enroll(portal, home)

    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert not home.config.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"root_key_pem": "no key"},
        {"provider_id": "../../etc"},
        {"broker": {"url": "http://x", "vhost": "v", "user": "u", "password": "p"}},
    ],
)
def test_an_enrolment_that_cannot_be_used_is_refused(
    portal: FakePortal, home: AgentHome, changes: dict[str, Any]
) -> None:
    portal.answer = lambda _: portal.enrolled(**changes)

    result = enroll(portal, home)

    assert "cannot be used" in result.output
    assert not home.config.exists()


def test_a_portal_with_an_unknown_authority_is_not_trusted_and_the_cure_is_named(
    portal: FakePortal, home: AgentHome
) -> None:
    result = CliRunner().invoke(main, ["enroll", portal.url, CODE, "--home", str(home.path)])

    assert result.exit_code == 1
    assert "--ca" in result.output
    assert portal.requests == []


@pytest.mark.parametrize("url", ["http://localhost:1", "localhost", "ftp://x", "https://", "http://127.0.0.1"])
def test_only_https_is_spoken(url: str, home: AgentHome) -> None:
    result = CliRunner().invoke(main, ["enroll", url, CODE, "--home", str(home.path)])

    assert result.exit_code == 1
    assert "https://" in result.output


def test_a_portal_that_is_not_there_is_an_error_in_a_sentence(home: AgentHome) -> None:
    result = CliRunner().invoke(main, ["enroll", "https://127.0.0.1:1", CODE, "--home", str(home.path)])

    assert result.exit_code == 1
    assert "cannot be reached" in result.output


def test_a_home_that_others_can_enter_is_refused(portal: FakePortal, home: AgentHome) -> None:
    home.path.mkdir(mode=0o755)

    result = enroll(portal, home)

    assert result.exit_code == 1
    assert f"chmod go= {home.path}" in result.output
    assert portal.requests == []


def test_the_clock_of_the_portal_can_be_read(portal: FakePortal) -> None:
    before = now_ms()

    told = Portal(portal.url, portal.ca_file).clock_ms()

    assert before // 1000 * 1000 <= told <= now_ms()
