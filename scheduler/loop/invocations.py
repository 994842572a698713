"""What happens to a request: it is committed, and gets a provider, waits for one, or is told why not."""

import logging
from uuid import UUID

from scheduler import metrics
from scheduler.loop import endings, placing
from scheduler.loop.core import Core
from scheduler.loop.live import LiveInvocation
from scheduler.placement import Capacity
from scheduler.specs import VersionSpec
from scheduler.store.changes import StoreInvocation
from wire.errors import Malformed
from wire.messages import InvocationReply, InvocationRequest
from wire.problems import Reason
from wire.signing import sha256_hex

log = logging.getLogger(__name__)


async def take(core: Core, request: InvocationRequest) -> None:
    """Take a request in; return once it is committed and, if there was a free slot, its ticket sent."""
    version_id = _checked(request)
    metrics.REQUESTS.inc()
    version = await core.version(version_id)
    if UUID(request.invocation_id) in core.live:
        log.info("invocation.repeated", extra={"invocation_id": request.invocation_id})
        return
    if version is None:
        await _turn_away(core, request, Reason.NOT_FOUND)
    elif reason := _objection(core, request, version):
        await _turn_away(core, request, reason)
    else:
        await _serve(core, LiveInvocation(request=request, version=version))


async def _serve(core: Core, invocation: LiveInvocation) -> None:
    core.live.add(invocation)
    store = StoreInvocation(request=invocation.request, input_digest=sha256_hex(invocation.request.input))
    choice = placing.choose(core, invocation)
    if isinstance(choice, Capacity) and core.live.others_wait(invocation.version.version_id):
        choice = Reason.PROVIDERS_BUSY
    if isinstance(choice, Capacity):
        await placing.commit_and_send(core, invocation, placing.reserve(core, invocation, choice), store)
    elif choice is Reason.PROVIDERS_BUSY:
        await _wait(core, invocation, store)
    else:
        await endings.end(core, invocation, choice, store)
    if invocation.request.respond_async and not invocation.answered:
        invocation.answered = True
        pending = InvocationReply(invocation_id=invocation.request.invocation_id, pending=True)
        await endings.send(core, invocation.request, pending)


async def _wait(core: Core, invocation: LiveInvocation, store: StoreInvocation) -> None:
    core.live.wait(invocation)
    async with endings.ended_on_error(core, invocation):
        await core.commit.commit(store)


def _objection(core: Core, request: InvocationRequest, version: VersionSpec) -> Reason | None:
    if len(request.input) > version.limits.input_bytes:
        return Reason.INPUT_TOO_LARGE
    if core.live.full or core.clock() >= request.deadline_at_ms:
        return Reason.OVERLOADED
    return None


async def _turn_away(core: Core, request: InvocationRequest, reason: Reason) -> None:
    """Answer a request that is not taken in: nothing of it is stored."""
    metrics.ENDED.labels(reason).inc()
    log.info("invocation.turned_away", extra={"invocation_id": request.invocation_id, "reason": reason})
    await endings.send(core, request, InvocationReply(invocation_id=request.invocation_id, reason=reason))


def _checked(request: InvocationRequest) -> UUID:
    """Return the version's id.

    :raises Malformed: when an id is none.
    """
    try:
        ids = [UUID(text) for text in (request.version_id, request.invocation_id, request.caller_id) if text]
    except ValueError as error:
        raise Malformed(f"InvocationRequest: {error}") from error
    return ids[0]
