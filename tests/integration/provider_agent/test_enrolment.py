"""The agent's enrolment against the portal's own code: what one sends the other understands."""

from pathlib import Path
from typing import cast
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone

from portal.providers import operations
from portal.providers.models import Provider
from portal.providers.testing import InMemoryBrokerAdmin
from provider_agent.machine import config as configs
from provider_agent.machine import enrolment, keys
from provider_agent.machine.home import AgentHome
from provider_agent.machine.portal import EnrolmentAnswer, Portal
from tests.support.people import People
from wire import names
from wire.codec import decode
from wire.http.portal import PortalRefused
from wire.signing import PublicKey


class PortalInProcess:
    """The portal's views, without a socket between."""

    url = "https://localhost:8443"

    def enrol(self, *, code: str, statement: str, certificate_request: str) -> EnrolmentAnswer:
        body = {"code": code, "statement": statement, "certificate_request": certificate_request}
        response = Client(SERVER_NAME="localhost").post(
            "/api/v1/enrolments", body, content_type="application/json", secure=True
        )
        if response.status_code != 200:
            raise PortalRefused(response.json()["hint"])
        return decode(EnrolmentAnswer, response.content)


def enrol(home: AgentHome, code: str) -> configs.Config:
    return enrolment.enrol(home, portal=cast("Portal", PortalInProcess()), code=code, offer=configs.default_offer())


@pytest.mark.usefixtures("controller_keys")
def test_portal_and_agent_agree_on_what_was_enrolled(
    people: People, broker_users: InMemoryBrokerAdmin, tmp_path: Path
) -> None:
    code = operations.create_code(people.provider, name="attic", now=timezone.now()).text
    home = AgentHome(tmp_path / "home")

    config = enrol(home, code.lower())

    provider = Provider.objects.get(id=UUID(config.provider_id))
    own = keys.load(home)
    assert provider.signing_key_pem == own.signing.public.pem
    assert provider.sealing_key == own.sealing.public_hex
    assert config.jobs_queue == names.jobs_queue(provider.queue_secret)
    assert config.control_queue == names.control_queue(provider.queue_secret)
    assert config.broker_user == names.broker_user(provider.id)
    assert PublicKey.from_pem(config.root_key_pem)
    assert provider.id in broker_users.granted()


@pytest.mark.usefixtures("controller_keys", "broker_users")
def test_a_used_code_is_refused_with_the_portals_hint(people: People, tmp_path: Path) -> None:
    code = operations.create_code(people.provider, name="attic", now=timezone.now()).text
    enrol(AgentHome(tmp_path / "first"), code)

    with pytest.raises(PortalRefused, match=r"\w"):
        enrol(AgentHome(tmp_path / "second"), code)


@pytest.mark.usefixtures("controller_keys", "broker_users")
def test_the_same_machine_may_use_its_code_again_when_the_answer_was_lost(people: People, tmp_path: Path) -> None:
    code = operations.create_code(people.provider, name="attic", now=timezone.now()).text
    home = AgentHome(tmp_path / "home")
    first = enrol(home, code)
    home.config.unlink()

    second = enrol(home, code)

    assert second.provider_id == first.provider_id
