"""What providers got of what their jobs cost."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import BigIntegerField, F, Sum, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from portal.books.models import LedgerJob
from portal.providers.models import Provider
from wire.ledger.genesis import WHOLE_PPM


def provider_shares(job_ids: Sequence[str]) -> Mapping[str, int]:
    """Return what the providers' accounts got for those of some jobs that are settled."""
    settled = LedgerJob.objects.filter(id__in=job_ids, payment_done=True).values_list("id", "record")
    return {job_id: provider_share(record) for job_id, record in settled}


def earned_by(account_id: UUID) -> int:
    """Return what an account's providers earned in all, in micro-credits."""
    providers = [str(item) for item in Provider.objects.filter(owner_id=account_id).values_list("id", flat=True)]
    settled = LedgerJob.objects.filter(provider_id__in=providers, payment_done=True)
    earned = settled.aggregate(total=Sum(F("cost_micro") - _fee("platform_ppm") - _fee("peers_ppm")))["total"]
    return int(earned or 0)


def _fee(rate: str) -> Any:
    # Whole numbers divide to whole numbers, rounded down, in SQLite and PostgreSQL: as `provider_share` does.
    return F("cost_micro") * Cast(KT(f"record__fee_policy__{rate}"), BigIntegerField()) / Value(WHOLE_PPM)


def provider_share(record: Mapping[str, Any]) -> int:
    """Return what of a settled job's cost its provider's account got: all but the fees, which are rounded down."""
    cost, policy = int(record["cost_micro"]), record["fee_policy"]
    platform = cost * int(policy["platform_ppm"]) // WHOLE_PPM
    peers = cost * int(policy["peers_ppm"]) // WHOLE_PPM
    return cost - platform - peers
