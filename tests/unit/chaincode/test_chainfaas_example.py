"""The example of ChainFaaS, implementation chapter, number for number, on both ledgers."""

from tests.support.ledger import CREDIT, KEYS, World, job_arguments
from wire.ledger.records import AccountRecord
from wire.ledger.states import JobRecordState


def test_job6_is_paid_and_job7_which_nobody_received_is_not(world: World) -> None:
    # JOB6 is Bob's and ran 12 s on Alice's machine; JOB7 is James' and ran on Kate's.
    world.create("job6")
    world.do(job_arguments("job7", developer_id="james", provider_id="kate-pc", version_id="james-v1"))
    world.receipt("job6")
    world.receipt("job7", KEYS.kate)

    world.confirm("job6")

    owned = {person: world.owns(person) // CREDIT for person in ("bob", "alice", "james", "kate")}
    assert owned == {"bob": 588, "alice": 612, "james": 600, "kate": 600}
    job6, job7 = world.job("job6"), world.job("job7")
    assert (job6.state, job6.received, job6.payment_done, job6.cost_micro) == (
        JobRecordState.SETTLED,
        True,
        True,
        12 * CREDIT,
    )
    assert (job7.state, job7.received, job7.payment_done, job7.cost_micro) == (
        JobRecordState.RECEIPTED,
        False,
        False,
        None,
    )
    assert world.account("bob") == AccountRecord(available=500 * CREDIT, deposit=88 * CREDIT)
    assert world.account("james") == AccountRecord(available=500 * CREDIT, deposit=80 * CREDIT, held=20 * CREDIT)
    assert world.books() == (0, {})
