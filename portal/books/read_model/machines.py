"""Machines whose signing key was replaced on the ledger: receipts are checked with the new one from then on."""

import logging
from collections.abc import Iterator, Sequence
from uuid import UUID

from django.db import IntegrityError, transaction

from portal.providers import operations as providers
from wire.ledger.blocks import Block, Event
from wire.ledger.events import KEY_PINNED
from wire.ledger.states import KeyRole

log = logging.getLogger(__name__)


def follow_keys(blocks: Sequence[Block]) -> None:
    """Give machines the keys that these blocks pin for them."""
    for event in _pinned(blocks):
        ids = {"provider_id": event.body["holder"], "key_id": event.subject}
        try:
            # Of its own, so that a key that another machine enrolled meanwhile stops nothing else.
            with transaction.atomic():
                provider_id = UUID(event.body["holder"])
                changed = providers.replace_key(provider_id, key_id=event.subject, pem=event.body["public_key_pem"])
        except (ValueError, IntegrityError):
            log.warning("ledger.machine_key_not_taken", extra=ids)
        else:
            if changed:
                log.info("ledger.machine_key_replaced", extra=ids)


def _pinned(blocks: Sequence[Block]) -> Iterator[Event]:
    for block in blocks:
        for record in block.transactions:
            yield from (
                event for event in record.events if event.name == KEY_PINNED and event.body["role"] == KeyRole.PROVIDER
            )
