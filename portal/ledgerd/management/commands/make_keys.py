"""`manage.py make_keys`: make the controller's keys that are missing."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from portal.keys import KeyUnusable, keys_directory
from portal.keys.making import make_keys
from wire.ledger.genesis import BadGenesis, checked_fees
from wire.ledger.records import FeePolicy


class Command(BaseCommand):
    """Make what is missing in CHAINFAAS_KEYS_DIR, and say what became of each file."""

    help = "Make the controller's keys that are missing; those that are there stay. See docs/keys.md."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the fee policy that a new ledger starts with."""
        parser.add_argument(
            "--platform-ppm", type=int, default=20_000, help="The platform's fee in millionths (20000: 2 percent)."
        )
        parser.add_argument(
            "--peers-ppm", type=int, default=30_000, help="The peers' commission in millionths (30000: 3 percent)."
        )

    def handle(self, *_args: object, **options: Any) -> None:
        """Make the keys."""
        policy = FeePolicy(version=1, platform_ppm=options["platform_ppm"], peers_ppm=options["peers_ppm"])
        try:
            checked_fees(policy)
        except BadGenesis as error:
            raise CommandError(f"--platform-ppm and --peers-ppm: {error}") from error
        directory = keys_directory()
        self.stdout.write(f"Keys in {directory}:")
        try:
            for made in make_keys(directory, fee_policy=policy, now=timezone.now()):
                self.stdout.write(f"  {made.outcome.value:8}{made.name:26}{made.detail}")
        except (KeyUnusable, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write("Back them up now, apart from the ledger; docs/keys.md says how.")
