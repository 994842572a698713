"""Who is in charge: taking over counts an epoch up; whoever holds an older one changes nothing any more."""

import uuid
from datetime import datetime

from django.db import transaction
from django.db.models import F

from portal.outbox.errors import Superseded
from portal.outbox.models import Leadership

RECORDER = "recorder"


def take_over(name: str, *, now: datetime) -> int:
    """Become the one in charge, and return the new epoch."""
    with transaction.atomic():
        Leadership.objects.bulk_create([Leadership(name=name, taken_at=now)], ignore_conflicts=True)
        Leadership.objects.filter(name=name).update(epoch=F("epoch") + 1, holder=uuid.uuid4(), taken_at=now)
        return Leadership.objects.get(name=name).epoch


def hold(name: str, epoch: int) -> None:
    """Make the database transaction that this is called in fail unless the epoch is still the newest.

    :raises Superseded: when another process has taken over.
    """
    if not Leadership.objects.filter(name=name, epoch=epoch).update(epoch=epoch):
        raise Superseded(f"epoch {epoch} of the {name} has been replaced by a newer one")
