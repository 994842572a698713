"""Making the controller's keys: what is missing is made, what is there stays; safe to repeat and to cut short."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from cryptography import x509

from portal.keys import (
    CA_CERTIFICATE_FILE,
    CA_KEY_FILE,
    GENESIS_FILE,
    WORKING_KEY_FILE,
    KeyMissing,
    KeyName,
    KeyUnusable,
    files,
    load_genesis,
    load_signing_key,
    read_file,
)
from portal.moments import moment
from wire import envelope, signing
from wire.certificates import CertificateAuthority
from wire.errors import WireError
from wire.ledger.genesis import Genesis
from wire.ledger.records import FeePolicy
from wire.messages import WorkingKey
from wire.signing import PublicKey, SigningKey

#: How long the root key vouches for a ticket key, and how long before its end a repeated run renews its word.
VOUCHED = timedelta(days=90)
RENEWED_BEFORE = timedelta(days=30)
_AUTHORITY_VALID = timedelta(days=3650)
#: Once the genesis is made, these are better kept on other machines.
_MAY_BE_ELSEWHERE = (KeyName.AUTHORITY_CONTROLLER, KeyName.AUTHORITY_PEERS)


class FileOutcome(StrEnum):
    """What became of one file."""

    MADE = "made"
    RENEWED = "renewed"
    KEPT = "kept"
    #: Not there, and need not be.
    ELSEWHERE = "absent"


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """One file and what became of it."""

    name: str
    outcome: FileOutcome
    detail: str


def make_keys(directory: Path, *, fee_policy: FeePolicy, now: datetime) -> Iterator[Made]:
    """Make what is missing, and say of each file what became of it.

    Only the ticket key is made anew when it was removed: that is how it is rotated.

    :raises KeyMissing: when another key is gone that was there before.
    :raises KeyUnusable: when a file is there that does not fit the others; nothing is overwritten.
    """
    files.prepare(directory)
    is_new = not (directory / GENESIS_FILE).exists()
    if not is_new:
        _refuse_lost_keys(directory)
    for name in KeyName:
        is_elsewhere = not is_new and name in _MAY_BE_ELSEWHERE and not (directory / name).exists()
        yield _elsewhere(name) if is_elsewhere else _ensure_key(directory, name)
    yield _vouch(directory, now)
    yield _ensure_key(directory, CA_KEY_FILE)
    yield _certify(directory, now)
    yield _describe_genesis(directory, fee_policy)


def _refuse_lost_keys(directory: Path) -> None:
    """Refuse to replace a key that others have pinned: the genesis is made last, so once it is there none is new."""
    for name in sorted({*KeyName, CA_KEY_FILE} - {KeyName.TICKET, *_MAY_BE_ELSEWHERE}):
        if not (directory / name).exists():
            raise KeyMissing(f"{directory / name} is lost: restore it from its backup (docs/keys.md)")


def _elsewhere(name: str) -> Made:
    return Made(name=name, outcome=FileOutcome.ELSEWHERE, detail="not on this machine")


def _ensure(path: Path, content: Callable[[], bytes]) -> FileOutcome:
    if path.exists() or not files.create(path, content()):
        return FileOutcome.KEPT
    return FileOutcome.MADE


def _ensure_key(directory: Path, name: str) -> Made:
    outcome = _ensure(directory / name, lambda: SigningKey.generate().to_pem())
    return Made(name=name, outcome=outcome, detail=f"key id {load_signing_key(name, directory).public.key_id}")


def _vouch(directory: Path, now: datetime) -> Made:
    root, ticket = (load_signing_key(name, directory) for name in (KeyName.ROOT, KeyName.TICKET))
    until = _vouched_until(directory, root.public, ticket.public)
    if until is not None and until - now > RENEWED_BEFORE:
        return Made(name=WORKING_KEY_FILE, outcome=FileOutcome.KEPT, detail=f"valid until {until:%Y-%m-%d}")
    statement = WorkingKey(public_key_pem=ticket.public.pem, not_after_ms=int((now + VOUCHED).timestamp() * 1000))
    files.replace(directory / WORKING_KEY_FILE, root.sign(envelope.dump(statement), signing.WORKING_KEY).encode())
    outcome = FileOutcome.MADE if until is None else FileOutcome.RENEWED
    return Made(name=WORKING_KEY_FILE, outcome=outcome, detail=f"valid until {now + VOUCHED:%Y-%m-%d}")


def _vouched_until(directory: Path, root: PublicKey, ticket: PublicKey) -> datetime | None:
    """Return until when the statement that is there vouches for this ticket key; None when it does not."""
    try:
        payload = root.verify(read_file(WORKING_KEY_FILE, directory).decode(), signing.WORKING_KEY)
        statement = envelope.parse_as(WorkingKey, payload)
    except (KeyMissing, WireError, UnicodeDecodeError):
        return None
    if statement.public_key_pem != ticket.pem:
        return None
    return moment(statement.not_after_ms)


def _certify(directory: Path, now: datetime) -> Made:
    key = load_signing_key(CA_KEY_FILE, directory)

    def made() -> bytes:
        return CertificateAuthority.make("ChainFaaS providers", key, now=now, end=now + _AUTHORITY_VALID).pem

    outcome = _ensure(directory / CA_CERTIFICATE_FILE, made)
    try:
        certificate = x509.load_pem_x509_certificate(read_file(CA_CERTIFICATE_FILE, directory))
    except ValueError as error:
        raise KeyUnusable(f"{directory / CA_CERTIFICATE_FILE}: not a certificate in PEM") from error
    if certificate.public_key() != key.public.key:
        raise KeyUnusable(f"{directory / CA_CERTIFICATE_FILE}: not the certificate of {CA_KEY_FILE}")
    until = certificate.not_valid_after_utc
    return Made(name=CA_CERTIFICATE_FILE, outcome=outcome, detail=f"valid until {until:%Y-%m-%d}")


def _describe_genesis(directory: Path, fee_policy: FeePolicy) -> Made:
    outcome = _ensure(directory / GENESIS_FILE, lambda: _genesis(directory, fee_policy).text().encode())
    stored = load_genesis(directory)
    for name, pem in _pinned(stored).items():
        if (directory / name).exists() and load_signing_key(name, directory).public.pem != pem:
            raise KeyUnusable(f"{directory / name} is another key than {GENESIS_FILE} names: restore the right one")
    policy = stored.fee_policy
    detail = f"platform {policy.platform_ppm} ppm, peers {policy.peers_ppm} ppm"
    return Made(name=GENESIS_FILE, outcome=outcome, detail=detail)


def _genesis(directory: Path, fee_policy: FeePolicy) -> Genesis:
    pem = {name: load_signing_key(name, directory).public.pem for name in KeyName}
    return Genesis(
        controller_key_pem=pem[KeyName.RECORDER],
        ticket_root_key_pem=pem[KeyName.ROOT],
        custody_key_pem=pem[KeyName.CUSTODY],
        treasury_key_pem=pem[KeyName.TREASURY],
        organisations={"controller": pem[KeyName.AUTHORITY_CONTROLLER], "peers": pem[KeyName.AUTHORITY_PEERS]},
        fee_policy=fee_policy,
        block_key_pem=pem[KeyName.BLOCK],
    ).checked()


def _pinned(genesis: Genesis) -> dict[KeyName, str]:
    return {
        KeyName.RECORDER: genesis.controller_key_pem,
        KeyName.ROOT: genesis.ticket_root_key_pem,
        KeyName.CUSTODY: genesis.custody_key_pem,
        KeyName.TREASURY: genesis.treasury_key_pem,
        KeyName.AUTHORITY_CONTROLLER: genesis.organisations["controller"],
        KeyName.AUTHORITY_PEERS: genesis.organisations["peers"],
        KeyName.BLOCK: genesis.block_key_pem,
    }
