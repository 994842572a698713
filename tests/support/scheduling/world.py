"""A database with one published function and its developer's deposit, for tests of the scheduler's own process.

`python -m tests.support.scheduling.world <provider id> <owner id> <queue secret> <deposit>` reads the provider's public
key from standard input and prints the ids as JSON; the settings come from the environment.
"""

import json
import sys
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import django

if TYPE_CHECKING:
    from portal.accounts.models import Account

PRICE_CEILING = 1_000


def main() -> None:
    django.setup()
    from portal.accounts.models import Account  # noqa: PLC0415 - after django.setup()
    from portal.books.models import Balance  # noqa: PLC0415
    from portal.providers.models import Provider  # noqa: PLC0415
    from wire.signing import PublicKey  # noqa: PLC0415

    provider_id, owner_id, secret, deposit = sys.argv[1:]
    alice = Account.objects.create(username="alice", email="alice@example.org")
    bob = Account.objects.create(id=UUID(owner_id), username="bob", email="bob@example.org")
    Balance.objects.create(account_id=str(alice.id), deposit_micro=int(deposit))
    key = PublicKey.from_pem(sys.stdin.read())
    Provider.objects.create(
        id=UUID(provider_id),
        owner=bob,
        name="desk",
        signing_key_pem=key.pem,
        signing_key_id=key.key_id,
        sealing_key="",
        certificate_pem="",
        queue_secret=secret,
        enrolled_at=alice.date_joined,
    )
    sys.stdout.write(json.dumps({"version_id": str(_version(alice))}))


def _version(owner: "Account") -> UUID:
    from django.utils import timezone  # noqa: PLC0415

    from portal.functions.models import Function, FunctionVersion  # noqa: PLC0415

    now = timezone.now()
    function = Function.objects.create(owner=owner, name="demo", created_at=now)
    version = FunctionVersion.objects.create(
        id=uuid4(),
        function=function,
        number=1,
        image_link="localhost:5000/demo:1",
        image=f"localhost:5000/demo@sha256:{'a' * 64}",
        image_bytes=1,
        architecture="amd64",
        memory_mb=128,
        cpu_millis=1_000,
        timeout_ms=10_000,
        processes=16,
        input_bytes=262_144,
        output_bytes=262_144,
        price_ceiling_nano_per_ms=PRICE_CEILING,
        budget_micro_per_day=10**15,
        created_at=now,
    )
    return version.id


if __name__ == "__main__":
    main()
