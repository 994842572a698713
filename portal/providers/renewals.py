"""A machine that is enrolled keeps its certificates in force; its key's signature is its permission."""

from datetime import datetime, timedelta

from portal.providers.certificates import provider_certificate
from portal.providers.errors import ProviderMissing, ProviderRevoked, StatementInvalid
from portal.providers.models import Provider, ProviderState
from wire import signing
from wire.certificates import CertificateAuthority
from wire.codec import decode
from wire.enrolment import RenewalStatement, end_of
from wire.errors import WireError
from wire.signing import PublicKey

#: A statement counts so long: who copies one gets nothing but certificates of a key that it has not.
FRESH = timedelta(minutes=5)
RENEWED_BEFORE = timedelta(days=90)


def provider_of(statement: str, now: datetime) -> Provider:
    """Return the provider whose key signed a statement just now.

    :raises StatementInvalid: when it is no such statement, or an old one.
    :raises ProviderMissing: when no provider has this key.
    :raises ProviderRevoked: when the provider was revoked.
    """
    try:
        key_id = signing.key_id_of(statement)
    except WireError as error:
        raise StatementInvalid(fields={"statement": [str(error)]}) from error
    provider = Provider.objects.filter(signing_key_id=key_id).first()
    if provider is None:
        raise ProviderMissing
    try:
        key = PublicKey.from_pem(provider.signing_key_pem)
        said = decode(RenewalStatement, key.verify(statement, signing.RENEWAL))
    except WireError as error:
        raise StatementInvalid(fields={"statement": [str(error)]}) from error
    if abs(now.timestamp() * 1000 - said.signed_at_ms) > FRESH / timedelta(milliseconds=1):
        raise StatementInvalid(fields={"statement": ["signed_at_ms: is not of the last five minutes"]})
    if provider.state != ProviderState.ACTIVE:
        raise ProviderRevoked
    return provider


def renew(provider: Provider, *, authority: CertificateAuthority, now: datetime) -> Provider:
    """Give a provider a new certificate of its signing key when its own nears its end."""
    if end_of(provider.certificate_pem) - now < RENEWED_BEFORE:
        key = PublicKey.from_pem(provider.signing_key_pem)
        provider.certificate_pem = provider_certificate(authority, provider.id, key, now)
        provider.save(update_fields=["certificate_pem"])
    return provider
