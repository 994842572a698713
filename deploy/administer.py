"""Runs several of `manage.py`'s commands in one Django process: `python -m deploy.administer 'migrate' 'make_keys'`."""

import shlex
import sys

import django
from django.core.management import CommandError, call_command

from portal.environment import SettingError


def main() -> None:
    """Run each argument as a command line, in order, until one fails."""
    try:
        django.setup()
        for line in sys.argv[1:]:
            name, *arguments = shlex.split(line)
            call_command(name, *arguments)
    except (CommandError, SettingError) as error:
        sys.exit(f"{error}")


if __name__ == "__main__":
    main()
