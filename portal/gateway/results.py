"""What became of an invocation, asked for by its id."""

from uuid import UUID

from portal.functions.models import Access
from portal.gateway.callers import Callers
from portal.gateway.errors import CallRefused
from portal.gateway.http.answers import failure, ok, success
from portal.gateway.http.exchange import HttpAnswer, Request
from portal.gateway.http.routing import AskInvocation, status_path
from portal.gateway.ports import Records, StoredInvocation
from scheduler.states import InvocationState
from wire.messages import InvocationReply
from wire.problems import Reason


class Results:
    """Answers `/i/<invocation id>` and `/i/<invocation id>/result` from the database."""

    def __init__(self, records: Records, callers: Callers) -> None:
        self._records = records
        self._callers = callers

    async def answer(self, request: Request, route: AskInvocation) -> HttpAnswer:
        """Return status or result to who may have it.

        :raises CallRefused: to everybody else, and when there is none.
        """
        if request.method != "GET":
            raise CallRefused(Reason.METHOD_NOT_ALLOWED, "Use GET.", headers={"Allow": "GET"})
        invocation = await self._records.invocation(route.invocation_id)
        if invocation is None:
            raise CallRefused(Reason.NOT_FOUND)
        await self._check_access(request, invocation)
        return await self._result(invocation) if route.wants_result else ok(_status(invocation))

    async def late(self, invocation_id: UUID) -> HttpAnswer | None:
        """Return how an invocation ended whose reply did not come; None while it is pending."""
        invocation = await self._records.invocation(invocation_id)
        if invocation is None or invocation.state == InvocationState.PENDING:
            return None
        return await self._result(invocation)

    async def _check_access(self, request: Request, invocation: StoredInvocation) -> None:
        if invocation.access == Access.PUBLIC:
            return  # Whoever knows the id of a public call made it, or was told by who did.
        account_id = await self._callers.require(request)
        if account_id == invocation.developer_id:
            return
        if invocation.access != Access.TOKEN or account_id != invocation.caller_id:
            raise CallRefused(Reason.NOT_FOUND)

    async def _result(self, invocation: StoredInvocation) -> HttpAnswer:
        if invocation.state == InvocationState.PENDING:
            return ok(_status(invocation), status=202, headers={"Retry-After": "1"})
        if invocation.state == InvocationState.FAILED:
            reply = InvocationReply(invocation_id=str(invocation.invocation_id))
            return failure(reply, Reason(invocation.reason))
        kept = await self._records.result(invocation.invocation_id)
        if kept is None:
            raise CallRefused(Reason.NOT_FOUND, "The result is no longer kept.")
        return success(kept, invocation.output_type)


def _status(invocation: StoredInvocation) -> dict[str, object]:
    where = status_path(invocation.invocation_id)
    return {
        "invocation_id": str(invocation.invocation_id),
        "state": invocation.state.value,
        "reason": invocation.reason or None,
        "requested_at": invocation.requested_at.isoformat(),
        "ended_at": invocation.ended_at.isoformat() if invocation.ended_at else None,
        "status": where,
        "result": f"{where}/result",
    }
