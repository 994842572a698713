#!/usr/bin/env python3
"""Django's command line for this project."""

import os
import sys

from django.core.management import execute_from_command_line

from portal.environment import SettingError

#: As a shell says it of a program that Ctrl-C ended.
EXIT_INTERRUPTED = 130


def main() -> None:
    """Run a management command; a missing setting is said in one line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    try:
        execute_from_command_line(sys.argv)
    except KeyboardInterrupt:
        sys.stderr.write("manage.py: interrupted\n")
        sys.exit(EXIT_INTERRUPTED)
    except SettingError as error:
        sys.exit(f"manage.py: {error}")


if __name__ == "__main__":
    main()
