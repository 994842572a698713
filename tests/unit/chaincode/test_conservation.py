"""Whatever is sent in whatever order: no money appears or vanishes, and no account is negative."""

from hypothesis import given, settings
from hypothesis import strategies as st

from chaincode.contracts.records import FeePolicy
from chaincode.contracts.testing import MemoryLedger
from tests.support.ledger import CREDIT, KEYS, MINUTE, World, marketplace
from wire.outcomes import ExitState

FEES = FeePolicy(version=1, platform_ppm=100_003, peers_ppm=50_001)
JOBS = st.sampled_from(["a-1", "a-2", "b-1", "c-1"])
MILLISECONDS = st.integers(0, 40_000)

STEPS = st.one_of(
    st.tuples(st.just("mint"), st.sampled_from(["bob", "alice"]), st.integers(-5, 500)),
    st.tuples(st.just("deposit"), st.sampled_from(["bob", "alice"]), st.integers(-5, 500)),
    st.tuples(st.just("create"), JOBS, MILLISECONDS, st.integers(1, 3)),
    st.tuples(st.just("receipt"), JOBS, MILLISECONDS, st.sampled_from(ExitState)),
    st.tuples(st.just("confirm"), JOBS, MILLISECONDS, st.sampled_from(["a" * 64, None])),
    st.tuples(st.just("supersede"), JOBS),
    st.tuples(st.just("expire"), JOBS),
    st.tuples(st.just("wait"), st.integers(1, 90)),
)


def take(world: World, step: tuple[object, ...]) -> None:
    match step:
        case ("mint", str(account), int(credits_)):
            world.mint(account, credits_)
        case ("deposit", str(account), int(credits_)):
            world.deposit(account, credits_)
        case ("create", str(job_id), int(max_ms), int(replicas)):
            world.create(job_id, invocation_id=job_id[0], max_ms=max_ms, replicas=replicas)
        case ("receipt", str(job_id), int(run_ms), state):
            world.receipt(job_id, run_ms=run_ms, exit_state=state)
        case ("confirm", str(job_id), int(observed_ms), digest):
            world.confirm(job_id, observed_ms, *([digest] if isinstance(digest, str) else []))
        case ("supersede", str(job_id)):
            world.supersede(job_id)
        case ("expire", str(job_id)):
            world.expire(job_id)
        case ("wait", int(minutes)):
            world.now_ms += minutes * MINUTE


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, max_size=40))
def test_no_sequence_of_operations_makes_or_loses_money(steps: list[tuple[object, ...]]) -> None:
    world = marketplace(World(ledger=MemoryLedger(KEYS.genesis(FEES))))
    for step in steps:
        take(world, step)

        assert world.books() == (0, {})
        for person in ("bob", "alice"):
            account = world.account(person)
            assert min(account.available, account.deposit, account.held) >= 0
    assert world.owns("alice") >= 600 * CREDIT
