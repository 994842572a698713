"""A process that reads one command a line, as `sustain 60 4000`, and answers each with a line of JSON."""

import json
import sys

import django


def main() -> None:
    """Do what each line says."""
    django.setup()
    from benchmarks.outbox.feeder import Feeder  # noqa: PLC0415 - after Django's setup

    feeder = Feeder()
    for line in sys.stdin:
        name, *numbers = line.split()
        answer = getattr(feeder, name)(*map(int, numbers))
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
