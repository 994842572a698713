"""`manage.py make_keys`: make the controller's keys that are missing."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from portal.ledger.keys import KeyUnusable, keys_directory
from portal.ledger.keys.making import FeePolicy, make_keys

_MILLION = 1_000_000


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
        policy = FeePolicy(platform_ppm=options["platform_ppm"], peers_ppm=options["peers_ppm"])
        if min(policy.platform_ppm, policy.peers_ppm) < 0 or policy.platform_ppm + policy.peers_ppm > _MILLION:
            raise CommandError("--platform-ppm and --peers-ppm: expected 0 or more, together at most 1000000")
        directory = keys_directory()
        self.stdout.write(f"Keys in {directory}:")
        try:
            for made in make_keys(directory, fee_policy=policy, now=timezone.now()):
                self.stdout.write(f"  {made.outcome.value:8}{made.name:26}{made.detail}")
        except (KeyUnusable, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write("Back them up now, apart from the ledger; docs/keys.md says how.")
