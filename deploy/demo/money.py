"""Everybody's money before and after a job, and whether what moved is exactly what the ledger says."""

from collections.abc import Mapping
from typing import Any

from deploy.errors import DeployError
from wire.http.portal import PortalClient
from wire.ledger.fees import shares
from wire.ledger.records import FeePolicy
from wire.money import cost_of

_PARTS = ("available_micro", "deposit_micro", "held_micro")
_PLATFORM, _PEERS = "platform", "peers"

Balances = dict[str, dict[str, int]]


class NotExact(DeployError):
    """Money moved that should not have, or did not move that should have."""


def balances(administrator: PortalClient, accounts: Mapping[str, str]) -> Balances:
    """Return the money of the named accounts, of the platform and of the peers' pool."""
    found: Balances = {}
    for name, account_id in {**accounts, _PLATFORM: _PLATFORM, _PEERS: _PEERS}.items():
        shown = administrator.get(f"ledger/accounts/{account_id}")
        found[name] = {part: shown[part] for part in _PARTS}
    return found


def expected_balances(before: Balances, records: list[Mapping[str, Any]], *, developer: str, provider: str) -> Balances:
    """Return what everybody has after jobs, computed from the ledger's records of them.

    :raises NotExact: when a record's own cost is not what its time and price make.
    """
    after = {name: dict(parts) for name, parts in before.items()}
    for record in records:
        cost = cost_of(run_ms=record["billed_ms"], price_nano_per_ms=record["price_nano_per_ms"])
        if record["cost_micro"] != cost:
            raise NotExact(f"job {record['job_id']}: {record['cost_micro']} micro were paid, {cost} would be right")
        parts = shares(cost, FeePolicy(**record["fee_policy"]))
        after[developer]["deposit_micro"] -= cost
        after[provider]["available_micro"] += parts.provider
        after[_PLATFORM]["available_micro"] += parts.platform
        after[_PEERS]["available_micro"] += parts.peers
    return after


def check_exact(found: Balances, expected: Balances) -> None:
    """Compare balances.

    :raises NotExact: when one differs by a single micro-credit; the message names all that do.
    """
    wrong = [
        f"{name} {part}: {found[name][part]} instead of {expected[name][part]}"
        for name in expected
        for part in _PARTS
        if found[name][part] != expected[name][part]
    ]
    if wrong:
        raise NotExact(f"the balances are not exact: {'; '.join(wrong)}")
