"""Prepares a controller in one Django process: the commands that an administrator runs before the first start.

`python -m deploy.prepare NAME EMAIL PASSWORD_FILE`; the name, address and password are the administrator's.
"""

import os
import sys
from urllib.parse import urlsplit

import django
from django.core.management import CommandError, call_command

from deploy.errors import NotReady
from deploy.servers.ports import answers
from deploy.servers.waiting import wait_for

_BROKER_SECONDS = 60


def main() -> None:
    """Make keys, tables and the administrator, then the broker's queues. A repeat changes nothing."""
    name, email, password_file = sys.argv[1:]
    django.setup()
    try:
        call_command("make_keys")
        call_command("migrate", verbosity=1, interactive=False)
        call_command("make_administrator", name, email, password_file=password_file)
        port = urlsplit(os.environ["CHAINFAAS_BROKER_ADMIN_URL"]).port or 0
        wait_for("the broker's management API", lambda: answers(port), _BROKER_SECONDS)
        call_command("set_up_broker")
    except (CommandError, NotReady) as error:
        sys.exit(f"prepare: {error}")


if __name__ == "__main__":
    main()
