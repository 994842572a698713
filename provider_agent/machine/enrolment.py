"""Turning this machine into a provider: keys, a signed statement, and the portal's answer, kept in the home."""

from dataclasses import fields
from pathlib import Path
from uuid import UUID

from provider_agent import __version__
from provider_agent.errors import AgentError
from provider_agent.machine import config, keys
from provider_agent.machine import membership as memberships
from provider_agent.machine.config import Config, Offer, Place
from provider_agent.machine.home import AgentHome
from provider_agent.machine.portal import EnrolmentAnswer, Portal
from wire import signing
from wire.codec import encode
from wire.enrolment import EnrolmentStatement, code_digest
from wire.errors import Malformed
from wire.http.portal import PortalRefused
from wire.signing import PublicKey


class AlreadyEnrolled(AgentError):
    """This home directory belongs to a machine that is enrolled."""


def enrol(home: AgentHome, *, portal: Portal, code: str, offer: Offer, authority: Path | None = None) -> Config:
    """Enrol this machine. Keys stay when the answer is lost, so that the same call can be made again.

    :raises AlreadyEnrolled: when it is enrolled.
    :raises PortalFailed: when the portal refuses or cannot be reached.
    """
    home.create()
    if home.config.exists():
        known = config.load(home)
        raise AlreadyEnrolled(f"{home.path} is enrolled already, as {known.name} at {known.portal_url}")
    with home.locked():
        own = keys.load_or_create(home)
        answer = portal.enrol(
            code=code, statement=statement(own, code=code), certificate_request=memberships.request(own.signing)
        )
        _check(answer)
        if authority:
            home.write(home.authority, authority.read_bytes())
        enrolled = _config(answer, portal_url=portal.url, offer=offer)
        if answer.fabric:
            memberships.store(home, answer.fabric)
        config.store(home, enrolled, broker_password=answer.broker.password)
    return enrolled


def statement(own: keys.AgentKeys, *, code: str) -> str:
    """Return the JWS by which a machine shows that it holds its signing key, bound to one code."""
    said = EnrolmentStatement(
        code_digest=code_digest(code),
        public_key_pem=own.signing.public.pem,
        sealing_key=own.sealing.public_hex,
        architecture=config.architecture(),
        agent_version=__version__,
    )
    return own.signing.sign(encode(said), signing.ENROLMENT)


def _check(answer: EnrolmentAnswer) -> None:
    try:
        UUID(answer.provider_id)
        PublicKey.from_pem(answer.root_key_pem)
    except (ValueError, Malformed) as error:
        raise PortalRefused(f"the portal's answer cannot be used: {error}") from error
    if not answer.broker.url.startswith(("amqp://", "amqps://")):
        raise PortalRefused("the portal's answer cannot be used: broker.url is no amqp:// or amqps:// address")


def _config(answer: EnrolmentAnswer, *, portal_url: str, offer: Offer) -> Config:
    return Config(
        **{field.name: getattr(answer, field.name) for field in fields(Place)},
        portal_url=portal_url,
        broker_url=answer.broker.url,
        broker_vhost=answer.broker.vhost,
        broker_user=answer.broker.user,
        offer=offer,
    )
