"""How a job's cost is shared: the platform's and the peers' fees, and the provider's rest."""

from dataclasses import dataclass

from wire.ledger.records import FeePolicy

#: Parts in a million.
WHOLE_PPM = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Shares:
    """Who gets how much of a cost, in micro-credits."""

    platform: int
    peers: int
    provider: int


def shares(cost_micro: int, policy: FeePolicy) -> Shares:
    """Share a cost: fees are rounded down, the rest is the provider's."""
    platform = cost_micro * policy.platform_ppm // WHOLE_PPM
    peers = cost_micro * policy.peers_ppm // WHOLE_PPM
    return Shares(platform=platform, peers=peers, provider=cost_micro - platform - peers)
