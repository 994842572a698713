"""The same random operations at the same times: the chaincode and the ledger in memory agree on everything."""

import random

import pytest

from chaincode.contracts.testing import MemoryLedger
from tests.support.fabric.emulated import Emulated
from tests.support.fabric.fake_peer import FakePeer
from tests.support.ledger import KEYS, MINUTE, World, marketplace
from wire.outcomes import ExitState

JOBS = ("a-1", "a-2", "b-1", "c-1", "d-1", "e-1")


def step(world: World, dice: random.Random) -> str:
    job_id = dice.choice(JOBS) + str(dice.randrange(20))
    actions = {
        "mint": lambda: world.mint(dice.choice(("bob", "alice")), dice.randrange(-5, 500)),
        "deposit": lambda: world.deposit(dice.choice(("bob", "alice")), dice.randrange(-5, 500)),
        "create": lambda: world.create(job_id, invocation_id=job_id[0], max_ms=dice.randrange(30_000), replicas=3),
        "receipt": lambda: world.receipt(
            job_id, run_ms=dice.randrange(40_000), exit_state=dice.choice(list(ExitState))
        ),
        "confirm": lambda: world.confirm(job_id, dice.randrange(40_000)),
        "supersede": lambda: world.supersede(job_id),
        "expire": lambda: world.expire(job_id),
    }
    world.now_ms += dice.randrange(MINUTE)
    return actions[dice.choice([*actions, "create", "receipt", "confirm", "confirm", "receipt"])]()


def outcomes(world: World, steps: int, seed: int) -> list[str]:
    dice = random.Random(seed)  # noqa: S311 - repeatable
    marketplace(world)
    return [step(world, dice) for _ in range(steps)]


@pytest.mark.parametrize("steps", [500, pytest.param(10_000, marks=[pytest.mark.long, pytest.mark.timeout(900)])])
def test_both_give_the_same_results_refusals_and_state(peer: FakePeer, steps: int) -> None:
    genesis = KEYS.genesis()
    chaincode = World(ledger=Emulated(peer, genesis.text()))
    memory = World(ledger=MemoryLedger(genesis))

    told = outcomes(chaincode, steps, seed=steps)
    expected = outcomes(memory, steps, seed=steps)

    assert told == expected
    assert len(set(told)) > 5
    assert _without_ids(chaincode) == _without_ids(memory)
    assert chaincode.books() == (0, {})


def _without_ids(world: World) -> list[tuple[str, str]]:
    """Return the state without signatures' digests, which are new each time."""
    return [item for item in world.ledger.items("") if not item[0].startswith(("operation~", "delta~"))]
