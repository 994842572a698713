"""Who is in charge: taking over begins a new term; whoever holds an older one changes nothing any more."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import transaction
from django.db.models import F

from portal.outbox.errors import Superseded
from portal.outbox.models import Leadership

RECORDER = "recorder"


def take_over(name: str, *, now: datetime) -> int:
    """Become the one in charge, and return the new term."""
    with transaction.atomic():
        Leadership.objects.bulk_create([Leadership(name=name, taken_at=now)], ignore_conflicts=True)
        Leadership.objects.filter(name=name).update(term=F("term") + 1, holder=uuid.uuid4(), taken_at=now)
        return Leadership.objects.get(name=name).term


@contextmanager
def held(name: str, term: int) -> Iterator[None]:
    """Open a database transaction that only who is still in charge can commit.

    :raises Superseded: when another process has taken over.
    """
    with transaction.atomic():
        if not Leadership.objects.filter(name=name, term=term).update(term=term):
            raise Superseded(f"term {term} of the {name} has been replaced by a newer one")
        yield
