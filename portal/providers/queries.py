"""Reads of providers and enrolment codes."""

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from portal.accounts.models import Account
from portal.providers.errors import ProviderMissing
from portal.providers.models import EnrolmentCode, Provider, ProviderState


def providers_of(owner: Account) -> QuerySet[Provider]:
    """Return the owner's providers, newest first; revoked ones too, for their jobs are in the books."""
    return Provider.objects.filter(owner=owner).select_related("owner").order_by("-enrolled_at")


def all_providers() -> QuerySet[Provider]:
    """Return every provider, newest first: for administrators."""
    return Provider.objects.select_related("owner").order_by("-enrolled_at")


def active_providers() -> QuerySet[Provider]:
    """Return every provider that is not revoked."""
    return Provider.objects.filter(state=ProviderState.ACTIVE)


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
    return EnrolmentCode.objects.filter(owner=owner, used_at__isnull=True, expires_at__gt=now).order_by("-created_at")
