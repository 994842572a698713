"""One signer: what it finds to sign, and how it does."""

import logging
from collections.abc import Callable, Iterator
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet, Subquery

from portal.custody.topping_up import proposal_approval
from portal.governance import life
from portal.governance.content import OF_MONEY, RequestKind
from portal.governance.life import Move, as_read
from portal.governance.models import Approval, GovernedRequest, RequestSignature, RequestState
from portal.governance.signers.checks import NotSigned, check_approvals, check_content, is_proposed
from portal.keys import AUTHORITIES, KeyName
from portal.outbox.errors import OperationConflict
from portal.outbox.models import OutboxOperation, OutboxState
from portal.outbox.operations import Outgoing, enqueue_all
from wire.errors import Malformed
from wire.ledger.operations import RefusePayout, operation_id_of
from wire.signing import SigningKey

log = logging.getLogger(__name__)

TREASURY = "treasury"
#: What each signer is called, which key it holds, and for which organisation it speaks.
SIGNERS: dict[str, KeyName] = {
    TREASURY: KeyName.TREASURY,
    **{f"authority-{organisation}": name for organisation, name in AUTHORITIES.items()},
}
ORGANISATION_OF = {f"authority-{organisation}": organisation for organisation in AUTHORITIES}
_REFUSAL = operation_id_of(RefusePayout, "")
#: Of one kind of work in one step.
_AT_ONCE = 50


class Signer:
    """Holds one key. Every signature follows from a row that it has checked, and is made once."""

    def __init__(self, *, name: str, key: SigningKey, clock: Callable[[], datetime]) -> None:
        self.name = name
        self._key = key
        self._clock = clock

    def step(self) -> bool:
        """Sign what may be signed now; return whether there was anything."""
        worked = False
        for request, sign in self._work():
            try:
                worked = sign(request) or worked
            except (NotSigned, OperationConflict, Malformed) as wrong:
                self._give_up(request, str(wrong))
                worked = True
        return worked

    def _work(self) -> Iterator[tuple[GovernedRequest, Callable[[GovernedRequest], bool]]]:
        if self.name == TREASURY:
            for request in _rows(RequestState.APPROVED).filter(kind__in=OF_MONEY)[:_AT_ONCE]:
                yield request, self._propose
            for request in self._unsigned(RequestState.REFUSING)[:_AT_ONCE]:
                yield request, self._give_back
            return
        first = Approval.objects.filter(request=OuterRef("pk")).order_by("id").values("organisation")[:1]
        by_authority = _rows(RequestState.APPROVED).exclude(kind__in=OF_MONEY).annotate(first=Subquery(first))
        for request in by_authority.filter(first=ORGANISATION_OF[self.name])[:_AT_ONCE]:
            yield request, self._propose
        for request in self._unsigned(RequestState.PROPOSED)[:_AT_ONCE]:
            yield request, self._approve

    def _unsigned(self, state: RequestState) -> QuerySet[GovernedRequest]:
        mine = RequestSignature.objects.filter(request=OuterRef("pk"), signer=self.name)
        if state == RequestState.REFUSING:
            # What the ledger refused, or an administrator gave up, is signed anew: the money waits.
            over = OutboxOperation.objects.filter(operation_id=OuterRef("operation_id"), state=OutboxState.REFUSED)
            mine = mine.filter(operation_id__startswith=_REFUSAL).exclude(Exists(over))
        return _rows(state).exclude(Exists(mine))

    def _propose(self, request: GovernedRequest) -> bool:
        check_approvals(request)
        check_content(request)
        outgoing = Outgoing(
            operation_id=request.operation_id,
            arguments=request.content.operation(),
            subject=request.content.subject,
            author=self._key,
        )
        return self._sign(request, outgoing, Move.PROPOSE)

    def _approve(self, request: GovernedRequest) -> bool:
        check_approvals(request)
        check_content(request)
        if not is_proposed(request):
            return False
        outgoing = proposal_approval(
            ORGANISATION_OF[self.name],
            operation_id=request.operation_id,
            text=request.operation_text,
            author=self._key,
        )
        return self._sign(request, outgoing, Move.SIGN)

    def _give_back(self, request: GovernedRequest) -> bool:
        refuser = request.refused_by
        may_refuse = refuser is not None and (refuser.is_staff or refuser.id == request.account_id)
        if request.kind != RequestKind.PAYOUT or refuser is None or not (may_refuse and refuser.is_active):
            raise NotSigned("It was refused by nobody who may, or is no payout.")
        tries = request.signatures.filter(operation_id__startswith=_REFUSAL).count()
        outgoing = Outgoing(
            operation_id=f"{_REFUSAL}{request.id}" + (f":{tries + 1}" if tries else ""),
            arguments=RefusePayout(payout_id=request.payout_id or "", reason=request.reason),
            subject=request.content.subject,
            author=self._key,
        )
        return self._sign(request, outgoing, Move.SIGN)

    def _sign(self, request: GovernedRequest, outgoing: Outgoing, move: Move) -> bool:
        now, key_id = self._clock(), self._key.public.key_id
        with transaction.atomic():
            # Whoever comes second, also of two processes with the same key, changes nothing.
            if not life.moved(as_read(request), move, at=now):
                return False
            made, new = RequestSignature.objects.get_or_create(
                operation_id=outgoing.operation_id,
                defaults={"request": request, "signer": self.name, "key_id": key_id, "at": now},
            )
            if not new:
                return False
            enqueue_all([outgoing], now=now)
        extra = {"request_id": str(request.id), "operation_id": made.operation_id, "signer": self.name}
        log.info("signer.signed", extra={**extra, "key_id": key_id, "amount_micro": request.amount_micro})
        return True

    def _give_up(self, request: GovernedRequest, reason: str) -> None:
        said = f"Not signed: {reason}"[:300]
        if life.moved(as_read(request), Move.NOT_SIGN, at=self._clock(), reason=said):
            extra = {"request_id": str(request.id), "signer": self.name, "reason": reason}
            log.critical("signer.not_signed", extra=extra)


def _rows(state: RequestState) -> QuerySet[GovernedRequest]:
    rows = GovernedRequest.objects.filter(ended_at__isnull=True, state=state)
    return rows.select_related("refused_by").prefetch_related("approvals__by").order_by("asked_at")
