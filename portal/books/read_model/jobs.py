"""Jobs as rows: what the ChainFaaS prototype calls the monitoring ledger."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from portal.books.models import LedgerJob
from portal.books.read_model import bulk
from wire.ledger import state_keys
from wire.ledger.clocks import CLAIM_MS
from wire.ledger.fees import shares
from wire.ledger.records import FeePolicy
from wire.ledger.states import JobRecordState

_PREFIX = state_keys.job("")
#: Jobs without a receipt: they end once they can no longer be paid.
_EXPIRING = frozenset({JobRecordState.CREATED, JobRecordState.CONFIRMED})


def _as_it_is(name: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda record: record[name]


def _as_identity(name: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda record: bulk.identity(record[name])


def _as_time(name: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda record: bulk.stamp(record[name])


def _due(record: Mapping[str, Any]) -> Any:
    if record["state"] in _EXPIRING:
        return bulk.stamp(record["pay_until_ms"])
    return bulk.stamp(record["claimed_at_ms"] + CLAIM_MS) if record["state"] == JobRecordState.CLAIMED else None


def _provider_share(record: Mapping[str, Any]) -> int | None:
    paid = record["payment_done"]
    return shares(record["cost_micro"], FeePolicy(**record["fee_policy"])).provider if paid else None


#: How each column follows from a job's record, which is canonical JSON of `wire.ledger.records.JobRecord`.
_COLUMNS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "id": _as_it_is("job_id"),
    "invocation_id": _as_identity("invocation_id"),
    "developer_id": _as_identity("developer_id"),
    "provider_id": _as_identity("provider_id"),
    "version_id": _as_identity("version_id"),
    "state": _as_it_is("state"),
    "price_nano_per_ms": _as_it_is("price_nano_per_ms"),
    "max_ms": _as_it_is("max_ms"),
    "max_cost_micro": _as_it_is("max_cost_micro"),
    "claimed_ms": _as_it_is("claimed_ms"),
    "observed_ms": _as_it_is("observed_ms"),
    "billed_ms": _as_it_is("billed_ms"),
    "cost_micro": _as_it_is("cost_micro"),
    "provider_share_micro": _provider_share,
    "output_digest": lambda record: record["receipt_digest"] or record["confirm_digest"] or "",
    "received": _as_it_is("received"),
    "payment_done": _as_it_is("payment_done"),
    "created_at": _as_time("created_at_ms"),
    "settled_at": _as_time("settled_at_ms"),
    "due_at": _due,
}


def store_jobs(writes: Mapping[str, str | None]) -> None:
    """Bring the rows of all jobs among these writes up to their records."""
    texts = (value for key, value in writes.items() if value is not None and key.startswith(_PREFIX))
    bulk.upsert(LedgerJob, (*_COLUMNS, "record"), map(_row, texts))


def _row(text: str) -> tuple[Any, ...]:
    record = orjson.loads(text)
    return (*(column(record) for column in _COLUMNS.values()), text)
