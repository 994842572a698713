"""The controller's keys, read by name from CHAINFAAS_KEYS_DIR; docs/keys.md says what each is for."""

import stat
from enum import StrEnum
from functools import cache
from pathlib import Path

from portal.environment import setting
from portal.errors import PortalError
from wire.errors import Malformed
from wire.ledger.genesis import BadGenesis, Genesis
from wire.problems import Reason
from wire.signing import SigningKey

#: The root key's word for the ticket key: JWS of a `wire.messages.WorkingKey`.
WORKING_KEY_FILE = "ticket.working-key.jws"
#: The certificate authority for providers' signing keys.
CA_KEY_FILE = "ca.key"
CA_CERTIFICATE_FILE = "ca.crt"
#: The public keys and the fee policy that the ledger starts with.
GENESIS_FILE = "genesis.json"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class KeyName(StrEnum):
    """The signing keys of the controller; the value is the file's name."""

    #: Vouches for working keys; agents pin it.
    ROOT = "root.pem"
    #: Signs tickets and acknowledgements; a working key.
    TICKET = "ticket.pem"
    #: Signs transactions; the controller on the ledger.
    RECORDER = "recorder.pem"
    #: Acts for owners who hold no key of their own.
    CUSTODY = "custody.pem"
    #: Proposes to mint and burn money.
    TREASURY = "treasury.pem"
    #: The controller organisation's authority over money, keys and fees.
    AUTHORITY_CONTROLLER = "authority-controller.pem"
    #: The peers organisation's authority over money, keys and fees.
    AUTHORITY_PEERS = "authority-peers.pem"
    #: Signs the embedded ledger's blocks.
    BLOCK = "block.pem"


#: Whose key speaks for which organisation.
AUTHORITIES = {"controller": KeyName.AUTHORITY_CONTROLLER, "peers": KeyName.AUTHORITY_PEERS}


class KeyUnusable(PortalError):
    """A key file is there and cannot be used; which one, only the log and the administrator are told."""

    reason = Reason.UNAVAILABLE

    def __init__(self, why: str) -> None:
        super().__init__("The controller's keys are not in place; its administrator has to look.")
        self.args = (why,)


class KeyMissing(KeyUnusable):
    """A key file is not there."""


def keys_directory() -> Path:
    """Return the directory of the keys (CHAINFAAS_KEYS_DIR)."""
    return Path(setting("CHAINFAAS_KEYS_DIR"))


def read_file(name: str, directory: Path | None = None) -> bytes:
    """Return the content of one file of the keys directory.

    :raises KeyMissing: when it is not there.
    :raises KeyUnusable: when it cannot be read, or others than its owner could read it.
    """
    path = (directory or keys_directory()) / name
    try:
        with path.open("rb") as file:
            mode = path.stat().st_mode
            content = file.read()
    except FileNotFoundError as error:
        raise KeyMissing(f"{path} is missing: run 'manage.py make_keys', or restore it (docs/keys.md)") from error
    except OSError as error:
        raise KeyUnusable(f"{path} cannot be read: {error.strerror}") from error
    if mode & _OTHERS:
        raise KeyUnusable(f"{path} has mode {stat.filemode(mode)}: others may read it; run 'chmod 600 {path}'")
    return content


def load_signing_key(name: str, directory: Path | None = None) -> SigningKey:
    """Read one signing key.

    :raises KeyMissing: when it is not there.
    :raises KeyUnusable: when it cannot be read, others could read it, or it is no P-256 key.
    """
    content = read_file(name, directory)
    try:
        return SigningKey.from_pem(content)
    except Malformed as error:
        raise KeyUnusable(f"{(directory or keys_directory()) / name}: {error}") from error


def load_genesis(directory: Path | None = None) -> Genesis:
    """Read what a new ledger begins with.

    :raises KeyMissing: when it is not there.
    :raises KeyUnusable: when it cannot be read or is not consistent.
    """
    try:
        return Genesis.parse(read_file(GENESIS_FILE, directory).decode())
    except (BadGenesis, UnicodeDecodeError) as error:
        raise KeyUnusable(f"{(directory or keys_directory()) / GENESIS_FILE}: {error}") from error


@cache
def signing_key(name: KeyName) -> SigningKey:
    """Return one signing key of this installation; read once a process.

    :raises KeyMissing: when it is not there.
    :raises KeyUnusable: when it cannot be read, others could read it, or it is no P-256 key.
    """
    return load_signing_key(name)
