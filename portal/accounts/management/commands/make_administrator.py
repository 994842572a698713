"""`manage.py make_administrator`: makes an administrator, or makes one of an account."""

import getpass
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.accounts import operations
from portal.accounts.models import Organisation
from portal.errors import PortalError


class Command(BaseCommand):
    """Asks for the password, or reads it from a file; never takes it as an argument, which others could see."""

    help = "Make an administrator. A repeat with the same name and address changes nothing but the password."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("email")
        parser.add_argument("--password-file", type=Path, help="read the password from the first line of this file")
        parser.add_argument(
            "--organisation",
            choices=Organisation.values,
            default=Organisation.CONTROLLER.value,
            help="whose administrator this is; money needs one of each",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        password = _password(options["password_file"])
        try:
            account = operations.make_administrator(
                options["username"],
                email=options["email"],
                password=password,
                organisation=Organisation(options["organisation"]),
            )
        except PortalError as error:
            problems = [f"{name}: {' '.join(messages)}" for name, messages in error.fields.items()]
            raise CommandError("\n".join([error.detail, *problems])) from error
        self.stdout.write(f"{account.username} is an administrator of the {account.organisation} organisation.")


def _password(path: Path | None) -> str:
    if path is None:
        return getpass.getpass("Password: ")
    try:
        return path.read_text().splitlines()[0]
    except (OSError, IndexError) as error:
        raise CommandError(
            f"--password-file {path}: expected a readable file with the password in its first line"
        ) from error
