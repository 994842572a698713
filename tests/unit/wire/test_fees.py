"""How a job's cost is shared."""

import pytest

from wire.ledger.fees import WHOLE_PPM, Shares, shares
from wire.ledger.records import FeePolicy


@pytest.mark.parametrize(
    ("cost", "platform_ppm", "peers_ppm", "expected"),
    [
        (0, 50_000, 20_000, (0, 0, 0)),
        (1_000_000, 50_000, 20_000, (50_000, 20_000, 930_000)),
        (19, 50_000, 60_000, (0, 1, 18)),
        (7, WHOLE_PPM, 0, (7, 0, 0)),
        (10**15, 333_333, 666_666, (333_333 * 10**9, 666_666 * 10**9, 10**9)),
    ],
)
def test_fees_are_rounded_down_and_the_provider_gets_the_rest(
    cost: int, platform_ppm: int, peers_ppm: int, expected: tuple[int, int, int]
) -> None:
    platform, peers, provider = expected

    found = shares(cost, FeePolicy(version=1, platform_ppm=platform_ppm, peers_ppm=peers_ppm))

    assert found == Shares(platform=platform, peers=peers, provider=provider)
