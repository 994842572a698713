"""`chainfaas-agent key`: the key of an owner whose account is not in the portal's custody. It never leaves its file."""

import os
import stat
import sys
from pathlib import Path
from uuid import UUID

import click

from wire import signing
from wire.codec import decode
from wire.errors import Malformed
from wire.ledger.operations import Operation
from wire.money import credits_text
from wire.signing import SigningKey

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_file = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.group()
def key() -> None:
    """Make and use a key of your own for your account's money.

    Who has the file moves the money: keep a copy in another safe place, and show it to nobody.
    """


@key.command()
@_file
def new(file: Path) -> None:
    """Make a key in FILE, and print its public half."""
    made = SigningKey.generate()
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise click.ClickException(f"{file} is there already: keys are never overwritten") from error
    except OSError as error:
        raise click.ClickException(f"{file} cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(made.to_pem())
        opened.flush()
        os.fsync(opened.fileno())
    click.echo(made.public.pem, nl=False)
    click.echo(f"The key is in {file}, readable by you alone. Copy it to another safe place.", err=True)


@key.command()
@_file
def show(file: Path) -> None:
    """Print the public half of the key in FILE."""
    click.echo(_load(file).public.pem, nl=False)


@key.command()
@_file
@click.argument("account_id", type=click.UUID)
def proof(file: Path, account_id: UUID) -> None:
    """Prove, for the account ACCOUNT_ID, that you have the key in FILE."""
    click.echo(_load(file).sign(str(account_id).encode(), signing.ENROLMENT))


@key.command()
@_file
@click.argument("operation", required=False)
def sign(file: Path, operation: str | None) -> None:
    """Sign OPERATION, which the portal shows, with the key in FILE; without it, what comes on standard input."""
    text = (operation if operation is not None else sys.stdin.read()).strip()
    loaded = _load(file)
    click.echo(_summary(text), err=True)
    click.echo(loaded.sign(text.encode(), signing.OPERATION))


def _load(file: Path) -> SigningKey:
    try:
        mode, content = file.stat().st_mode, file.read_bytes()
    except OSError as error:
        raise click.ClickException(f"{file} cannot be read: {error.strerror}") from error
    if mode & _OTHERS:
        raise click.ClickException(f"{file}: others may read it; run 'chmod 600 {file}'")
    try:
        return SigningKey.from_pem(content)
    except Malformed as error:
        raise click.ClickException(f"{file}: {error}") from error


def _summary(text: str) -> str:
    """Return what an operation does, so that nobody signs what they have not read."""
    try:
        operation = decode(Operation, text)
    except Malformed as error:
        raise click.ClickException("this is not an operation as the portal shows it; copy all of it") from error
    arguments = dict(operation.arguments)
    lines = [f"Signing {operation.kind} ({operation.operation_id})"]
    amount = arguments.pop("amount_micro", None)
    if isinstance(amount, int):
        lines.append(f"  amount: {credits_text(amount)} credits")
    return "\n".join([*lines, *(f"  {name.replace('_', ' ')}: {value}" for name, value in arguments.items())])
