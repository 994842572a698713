"""Writes on providers and enrolment codes."""

import re
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from portal.accounts.models import Account, Role
from portal.accounts.operations import require_role
from portal.membership.ports import Registrar, provider_member
from portal.providers.broker_admin import BrokerAdmin, ProviderAccess, hash_password
from portal.providers.certificates import provider_certificate
from portal.providers.codes import NewCode, claim_code, make_code
from portal.providers.errors import (
    KeyEnrolled,
    ProviderInvalid,
    ProviderNameTaken,
    ProviderRevoked,
)
from portal.providers.models import EnrolmentCode, Provider, ProviderState
from portal.providers.queries import active_providers
from portal.providers.statements import Application
from wire.certificates import CertificateAuthority

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._-]{0,62}[A-Za-z0-9])?")

#: Tells the ledger of a new provider, inside the same database transaction.
Announce = Callable[[Provider], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Enrolment:
    """A provider and its new password on the broker: the only time the password exists here."""

    provider: Provider
    broker_password: str


def create_code(owner: Account, *, name: str, now: datetime) -> NewCode[EnrolmentCode]:
    """Make a one-time code for a machine that will be called `name`.

    :raises RoleMissing: when the owner is no provider.
    :raises ProviderInvalid: when a machine cannot be called this.
    :raises ProviderNameTaken: when the owner has a provider of this name.
    :raises TooManyCodes: when `MAX_OPEN_CODES` codes are unused.
    """
    require_role(owner, Role.PROVIDER)
    if not _NAME.fullmatch(name):
        raise ProviderInvalid(fields={"name": ["Use 1 to 64 letters, digits, spaces and . _ -."]})
    if active_providers().filter(owner=owner, name=name).exists():
        raise ProviderNameTaken(fields={"name": [ProviderNameTaken.__doc__ or ""]})
    return make_code(EnrolmentCode.objects.all(), owner, now=now, name=name)


def enrol(
    application: Application, *, authority: CertificateAuthority, broker: BrokerAdmin, announce: Announce, now: datetime
) -> Enrolment:
    """Make a provider of a machine; the same machine may repeat it with its code when the answer was lost.

    :raises CodeUnknown: when there is no such code.
    :raises CodeExpired: when it is too late.
    :raises CodeUsed: when another key has used the code.
    :raises ProviderRevoked: when the provider of this code was revoked since.
    :raises KeyEnrolled: when the machine's key is another provider's, be it a revoked one.
    :raises ProviderNameTaken: when the name was taken since the code was made.
    :raises BrokerAdminUnavailable: when the broker cannot be reached; the same request again can succeed.
    """
    password = secrets.token_urlsafe(32)
    with transaction.atomic():
        codes = EnrolmentCode.objects.select_related("provider")
        code = claim_code(codes, digest=application.said.code_digest, key_id=application.key.key_id, now=now)
        provider = code.provider or _create_provider(application, code=code, authority=authority, now=now)
        if provider.state != ProviderState.ACTIVE:
            raise ProviderRevoked
        provider.broker_password_hash = hash_password(password)
        provider.save(update_fields=["broker_password_hash"])
        announce(provider)
    # After the commit: what the broker knows can always be made again from the database, not the other way round.
    broker.grant(access_of(provider))
    return Enrolment(provider=provider, broker_password=password)


def _create_provider(
    application: Application, *, code: EnrolmentCode, authority: CertificateAuthority, now: datetime
) -> Provider:
    require_role(code.owner, Role.PROVIDER)
    _refuse_enrolled_key(application)
    provider_id = uuid.uuid4()
    try:
        with transaction.atomic():
            provider = Provider.objects.create(
                id=provider_id,
                owner=code.owner,
                name=code.name,
                signing_key_pem=application.key.pem,
                signing_key_id=application.key.key_id,
                sealing_key=application.said.sealing_key,
                certificate_pem=provider_certificate(authority, provider_id, application.key, now),
                queue_secret=secrets.token_hex(16),
                enrolled_at=now,
                architecture=application.said.architecture,
                agent_version=application.said.agent_version,
            )
    except IntegrityError as error:
        _refuse_enrolled_key(application)
        raise ProviderNameTaken from error
    EnrolmentCode.objects.filter(id=code.id).update(provider=provider)
    return provider


def _refuse_enrolled_key(application: Application) -> None:
    """Refuse a key that is a provider's: the ledger knows one provider a key, and would pay no other one.

    :raises KeyEnrolled: when it is.
    """
    known = Provider.objects.filter(signing_key_id=application.key.key_id).first()
    if known is None:
        return
    name = f"{known.name}, which was revoked" if known.state == ProviderState.REVOKED else known.name
    raise KeyEnrolled(
        f"This machine's key is enrolled already as {name}. Run chainfaas-agent enroll with another --home."
    )


def replace_key(provider_id: UUID, *, key_id: str, pem: str) -> bool:
    """Note the signing key that the ledger has pinned for a provider; return whether it is another one than before.

    :raises IntegrityError: when another provider enrolled with it (Django's own).
    """
    rows = Provider.objects.filter(id=provider_id).exclude(signing_key_id=key_id)
    return bool(rows.update(signing_key_id=key_id, signing_key_pem=pem))


def access_of(provider: Provider) -> ProviderAccess:
    """Return what the broker has to know of a provider."""
    return ProviderAccess(
        provider_id=provider.id, queue_secret=provider.queue_secret, password_hash=provider.broker_password_hash
    )


def revoke_provider(
    provider: Provider, *, broker: BrokerAdmin, now: datetime, registrar: Registrar | None = None
) -> Provider:
    """Take a provider out for good: it gets no more jobs, and broker and network know it no more. A repeat is harmless.

    :raises BrokerAdminUnavailable: when the broker cannot be reached; repeat it, or run `manage.py rebuild_broker`.
    :raises RegistrarUnavailable: when the network's authority does not answer; repeat it.
    """
    active = Provider.objects.filter(id=provider.id, state=ProviderState.ACTIVE)
    active.update(state=ProviderState.REVOKED, revoked_at=now)
    broker.revoke(provider.id, provider.queue_secret)
    if registrar is not None:
        registrar.expel(provider_member(provider.signing_key_id))
    provider.refresh_from_db()
    return provider


def rebuild_broker(broker: BrokerAdmin) -> int:
    """Make the broker's users, rights and queues what the database says, and return how many providers have access.

    :raises BrokerAdminUnavailable: when the broker cannot be reached.
    """
    broker.set_up()
    providers = list(active_providers())
    for provider in providers:
        broker.grant(access_of(provider))
    known = dict(Provider.objects.values_list("id", "queue_secret"))
    for stranger in broker.granted() - {provider.id for provider in providers}:
        broker.revoke(stranger, known.get(stranger, ""))
    return len(providers)
