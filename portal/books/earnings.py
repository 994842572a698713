"""What providers got of what their jobs cost."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db.models import Sum

from portal.books.models import LedgerJob
from portal.providers.models import Provider


def provider_shares(job_ids: Sequence[str]) -> Mapping[str, int]:
    """Return what the providers' accounts got for those of some jobs that are settled."""
    rows = LedgerJob.objects.filter(id__in=job_ids).values_list("id", "provider_share_micro")
    return {job_id: share for job_id, share in rows if share is not None}


def earned_by(account_id: UUID) -> int:
    """Return what an account's providers earned in all, in micro-credits."""
    providers = [str(item) for item in Provider.objects.filter(owner_id=account_id).values_list("id", flat=True)]
    settled = LedgerJob.objects.filter(provider_id__in=providers, payment_done=True)
    return int(settled.aggregate(total=Sum("provider_share_micro", default=0))["total"])
