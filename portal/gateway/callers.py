"""Who calls: a token to an account."""

from uuid import UUID

from portal.gateway.cache import TimedCache
from portal.gateway.errors import CallRefused
from portal.gateway.http.exchange import Request
from wire.problems import Reason

_CHALLENGE = {"WWW-Authenticate": "Bearer"}


class Callers:
    """Finds the account behind `Authorization: Bearer <token>`; a revoked token works as long as the cache keeps it."""

    def __init__(self, accounts: TimedCache[str, UUID | None]) -> None:
        self._accounts = accounts

    async def require(self, request: Request) -> UUID:
        """Return the account that calls.

        :raises CallRefused: when there is no token, or one that acts for nobody.
        """
        scheme, _, token = (request.header("Authorization") or "").partition(" ")
        is_token = scheme.lower() == "bearer" and 1 <= len(token.strip()) <= 200  # noqa: PLR2004 - ours are far shorter
        caller_id = await self._accounts.get(token.strip()) if is_token else None
        if caller_id is None:
            raise CallRefused(Reason.UNAUTHENTICATED, headers=_CHALLENGE)
        return caller_id
