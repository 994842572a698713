"""Versions and providers become known to the ledger."""

from datetime import datetime

from portal.custody.ownership import own_key_of, signed_by_owner
from portal.errors import Conflict
from portal.functions.models import FunctionVersion
from portal.keys import KeyName, signing_key
from portal.outbox.models import OutboxOperation, OutboxState
from portal.outbox.operations import enqueue
from portal.providers.models import Provider
from wire.ledger.operations import (
    PublishVersion,
    RegisterProvider,
    operation_id_of,
)


class NotOnLedgerYet(Conflict):
    """The signed operation is on its way to the ledger. Ask again in a moment."""


def announce_version(version: FunctionVersion, *, now: datetime) -> None:
    """Publish a function version on the ledger, by custody for its developer; jobs of it are refused before that.

    Where the developer's account is its own, the developer has to have sent in the operation itself.

    :raises SignatureNeeded: when it has not.
    :raises NotOnLedgerYet: when the ledger has not answered it.
    :raises KeyMissing: when the custody key is not in the keys directory.
    """
    arguments = PublishVersion(
        version_id=str(version.id),
        developer_id=str(version.function.owner_id),
        image=version.image,
        price_ceiling_nano_per_ms=version.price_ceiling_nano_per_ms,
        timeout_ms=version.timeout_ms,
        memory_mb=version.memory_mb,
        cpu_millis=version.cpu_millis,
        budget_micro_per_day=version.budget_micro_per_day,
    )
    operation_id = operation_id_of(PublishVersion, version.id)
    if own_key_of(arguments.developer_id) and not OutboxOperation.objects.filter(operation_id=operation_id).exists():
        # Only once the ledger has it: the platform's bond answers for its jobs.
        if signed_by_owner(arguments.developer_id, arguments, version.id).state != OutboxState.COMMITTED:
            raise NotOnLedgerYet
        return
    enqueue(
        operation_id=operation_id,
        arguments=arguments,
        subject=str(version.id),
        now=now,
        author=signing_key(KeyName.CUSTODY),
    )


def announce_provider(provider: Provider, *, now: datetime) -> None:
    """Pin a provider's signing key on the ledger, and its owner's account as the one that is paid."""
    arguments = RegisterProvider(
        provider_id=str(provider.id), account_id=str(provider.owner_id), public_key_pem=provider.signing_key_pem
    )
    enqueue(
        operation_id=operation_id_of(RegisterProvider, provider.id),
        arguments=arguments,
        subject=str(provider.id),
        now=now,
    )
