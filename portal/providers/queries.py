"""Reads of providers and enrolment codes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, Max, Min, QuerySet

from portal.accounts.models import Account
from portal.providers.codes import open_codes
from portal.providers.errors import ProviderMissing
from portal.providers.models import EnrolmentCode, Provider, ProviderState

#: An agent says every 15 s that it is alive; after three times that in silence nothing is placed on it.
ONLINE_FOR = timedelta(seconds=45)


def providers_of(owner: Account) -> QuerySet[Provider]:
    """Return the owner's providers, newest first; revoked ones too, for their jobs are in the books."""
    return Provider.objects.filter(owner=owner).select_related("owner").order_by("-enrolled_at")


def all_providers() -> QuerySet[Provider]:
    """Return every provider, newest first: for administrators."""
    return Provider.objects.select_related("owner").order_by("-enrolled_at")


def active_providers() -> QuerySet[Provider]:
    """Return every provider that is not revoked."""
    return Provider.objects.filter(state=ProviderState.ACTIVE)


def online_providers(now: datetime) -> QuerySet[Provider]:
    """Return every provider whose agent was heard of lately; revoked ones are silent for good."""
    return active_providers().filter(last_seen_at__gt=now - ONLINE_FOR)


@dataclass(frozen=True, kw_only=True, slots=True)
class AskedPrices:
    """What providers that are online ask, in nano-credits a millisecond."""

    count: int
    lowest: int | None
    highest: int | None


def asked_prices(now: datetime) -> AskedPrices:
    """Return what providers that are online ask."""
    prices = {"lowest": Min("price_nano_per_ms"), "highest": Max("price_nano_per_ms")}
    return AskedPrices(**online_providers(now).aggregate(count=Count("id"), **prices))


def provider_for(viewer: Account, provider_id: UUID) -> Provider:
    """Return a provider that the viewer owns; an administrator may see every one.

    :raises ProviderMissing: when there is none.
    """
    visible = all_providers() if viewer.is_staff else providers_of(viewer)
    provider = visible.filter(id=provider_id).first()
    if provider is None:
        raise ProviderMissing
    return provider


def open_codes_of(owner: Account, now: datetime) -> QuerySet[EnrolmentCode]:
    """Return the owner's enrolment codes that a machine can still use, newest first."""
    return open_codes(EnrolmentCode.objects.all(), owner, now).order_by("-created_at")
