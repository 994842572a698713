"""From an invocation to a ticket in a provider's queue: committed first, sent then."""

import logging

from scheduler import placement
from scheduler.errors import BrokerUnavailable, Undeliverable
from scheduler.loop import endings
from scheduler.loop.core import Core
from scheduler.loop.live import LiveInvocation, LiveJob
from scheduler.placement import Capacity
from scheduler.store.changes import Change, PlaceJob, Verdict
from scheduler.tickets import Issue, job_id_of
from wire.problems import Reason

log = logging.getLogger(__name__)

_REASONS = {
    Verdict.INSUFFICIENT_DEPOSIT: Reason.INSUFFICIENT_DEPOSIT,
    Verdict.BUDGET_SPENT: Reason.BUDGET_SPENT,
}


def choose(core: Core, invocation: LiveInvocation) -> Capacity | Reason:
    """Return a provider for an invocation's next job, or why there is none; `PROVIDERS_BUSY` is worth waiting."""
    now_ms = core.clock()
    choice = placement.choose(
        invocation.need,
        core.fleet.capacities(now_ms=now_ms, image=invocation.need.image_digest),
        tried=invocation.tried,
        tie_break=job_id_of(invocation.invocation_id, invocation.attempts + 1),
    )
    if choice is Reason.NO_PROVIDER and core.fleet.expects(tried=invocation.tried, now_ms=now_ms):
        return Reason.PROVIDERS_BUSY
    return choice


def reserve(core: Core, invocation: LiveInvocation, capacity: Capacity) -> PlaceJob:
    """Give an invocation one of the provider's slots and return the job that has to be committed."""
    invocation.attempts += 1
    invocation.tried.add(capacity.provider_id)
    place = core.signer.place(
        invocation.request,
        invocation.version,
        capacity,
        attempt=invocation.attempts,
        issue=Issue(term=core.term, now_ms=core.clock()),
    )
    job = LiveJob(
        job_id=place.job_id,
        provider_id=place.provider_id,
        ticket=place.ticket,
        ticket_digest=place.ticket_digest,
        price_nano_per_ms=place.price_nano_per_ms,
        max_ms=place.max_ms,
        placed_at_ms=place.placed_at_ms,
        accept_by_ms=place.accept_by_ms,
    )
    core.live.stop_waiting(invocation)
    core.live.open(invocation, job)
    core.fleet.take(job.provider_id, job.job_id)
    return place


async def commit_and_send(core: Core, invocation: LiveInvocation, place: PlaceJob, *before: Change) -> None:
    """Commit a reserved job, together with what came before it, and put its ticket into the provider's queue."""
    async with endings.ended_on_error(core, invocation):
        verdict = (await core.commit.commit(*before, place))[-1]
        if verdict in (Verdict.DONE, Verdict.REPEATED):
            await send_ticket(core, place.job_id)
            return
        log.info("job.not_placed", extra={"job_id": place.job_id, "verdict": verdict})
        endings.release(core, invocation)
        if verdict in _REASONS:
            await endings.end(core, invocation, _REASONS[verdict])
        else:
            await _answer_again(core, invocation)


async def send_ticket(core: Core, job_id: str) -> None:
    """Put a committed job's ticket into its provider's queue.

    A ticket that the broker did not confirm is left to its silence limit: the job is given up and placed again.
    """
    found = core.live.of_job(job_id)
    provider = core.fleet.spec(found[1].provider_id) if found else None
    if found is None or provider is None:
        return
    job = found[1]
    ids = {"job_id": job_id, "provider_id": job.provider_id}
    try:
        await core.orders.send_order(provider, core.signer.order(job.ticket, found[0].request))
    except Undeliverable as error:
        log.warning("ticket.undeliverable", extra=ids | {"why": str(error)})
        # Its own queue is the trouble: this provider counts as tried.
        job.sent = True
        core.fleet.full(job.provider_id)
        job.silence.end(now_ms=core.clock())
    except BrokerUnavailable as error:
        log.warning("ticket.not_confirmed", extra=ids | {"why": str(error)})
    else:
        job.sent = True
        log.info("job.placed", extra=ids | {"invocation_id": found[0].invocation_id})


def place_waiting(core: Core) -> None:
    """Give free slots to those who wait, the longest first."""
    stuck = set()
    for invocation in core.live.waiting:
        version_id = invocation.version.version_id
        if version_id in stuck and not invocation.tried:
            continue
        choice = choose(core, invocation)
        if isinstance(choice, Capacity):
            core.spawn(commit_and_send(core, invocation, reserve(core, invocation, choice)))
        elif not invocation.tried:
            stuck.add(version_id)


async def _answer_again(core: Core, invocation: LiveInvocation) -> None:
    """Answer a request that was served before."""
    core.live.forget(invocation)
    outcome = await core.commit.call(lambda: core.store.outcome(invocation.invocation_id))
    if outcome:
        await endings.send(core, invocation.request, outcome)
