"""The controller's keys: made once, never lost silently, closed to others."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
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
from portal.keys.making import FileOutcome, make_keys
from wire import envelope, signing
from wire.ledger.records import FeePolicy
from wire.messages import WorkingKey

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
FEES = FeePolicy(version=1, platform_ppm=20_000, peers_ppm=30_000)


def make(directory: Path, *, now: datetime = NOW) -> dict[str, FileOutcome]:
    return {made.name: made.outcome for made in make_keys(directory, fee_policy=FEES, now=now)}


def content(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    directory = tmp_path / "keys"
    make(directory)
    return directory


def test_all_files_are_made_and_closed_to_others(keys: Path) -> None:
    names = {*KeyName, WORKING_KEY_FILE, CA_KEY_FILE, CA_CERTIFICATE_FILE, GENESIS_FILE}

    assert {path.name for path in keys.iterdir()} == names
    assert stat.S_IMODE(keys.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys.iterdir()} == {0o600}


def test_a_second_run_keeps_everything(keys: Path) -> None:
    before = content(keys)

    assert set(make(keys).values()) == {FileOutcome.KEPT}
    assert content(keys) == before


@pytest.mark.parametrize("finished", range(12))
def test_a_run_that_was_cut_short_is_completed_by_the_next(tmp_path: Path, finished: int) -> None:
    steps = make_keys(tmp_path / "keys", fee_policy=FEES, now=NOW)
    for _ in range(finished):
        next(steps)
    del steps
    before = content(tmp_path / "keys") if finished else {}
    (tmp_path / "keys").mkdir(exist_ok=True)
    (tmp_path / "keys" / ".root.pem.1234.unfinished").write_bytes(b"half a key")

    outcomes = list(make(tmp_path / "keys").values())

    assert outcomes == [FileOutcome.KEPT] * finished + [FileOutcome.MADE] * (12 - finished)
    after = content(tmp_path / "keys")
    assert {name: after[name] for name in before} == before
    assert not [name for name in after if name.endswith("unfinished")]


def test_of_two_runs_at_once_the_first_file_stays(tmp_path: Path) -> None:
    assert files.create(tmp_path / "key", b"first")
    assert not files.create(tmp_path / "key", b"second")

    assert content(tmp_path) == {"key": b"first"}


def test_the_root_key_vouches_for_the_ticket_key_for_ninety_days(keys: Path) -> None:
    root, ticket = load_signing_key(KeyName.ROOT, keys), load_signing_key(KeyName.TICKET, keys)

    payload = root.public.verify(read_file(WORKING_KEY_FILE, keys).decode(), signing.WORKING_KEY)

    statement = envelope.parse_as(WorkingKey, payload)
    assert statement.public_key_pem == ticket.public.pem
    assert statement.not_after_ms == int((NOW + timedelta(days=90)).timestamp() * 1000)


def test_its_word_is_renewed_in_the_last_thirty_days(keys: Path) -> None:
    assert make(keys, now=NOW + timedelta(days=59))[WORKING_KEY_FILE] is FileOutcome.KEPT
    assert make(keys, now=NOW + timedelta(days=61))[WORKING_KEY_FILE] is FileOutcome.RENEWED
    assert make(keys, now=NOW + timedelta(days=62))[WORKING_KEY_FILE] is FileOutcome.KEPT


def test_a_ticket_key_that_was_removed_is_rotated(keys: Path) -> None:
    (keys / KeyName.TICKET).unlink()

    outcomes = make(keys)

    assert [name for name, outcome in outcomes.items() if outcome is FileOutcome.MADE] == [
        "ticket.pem",
        WORKING_KEY_FILE,
    ]


@pytest.mark.parametrize("name", [KeyName.ROOT, KeyName.RECORDER, KeyName.BLOCK, CA_KEY_FILE])
def test_a_key_that_others_have_pinned_is_never_made_anew(keys: Path, name: str) -> None:
    (keys / name).unlink()

    with pytest.raises(KeyMissing, match=f"{name} is lost"):
        make(keys)
    assert not (keys / name).exists()


def test_the_authorities_keys_may_be_kept_on_other_machines(keys: Path) -> None:
    (keys / KeyName.AUTHORITY_PEERS).unlink()

    outcomes = make(keys)

    assert outcomes[KeyName.AUTHORITY_PEERS] is FileOutcome.ELSEWHERE
    assert not (keys / KeyName.AUTHORITY_PEERS).exists()


def test_keys_that_do_not_belong_together_are_refused(keys: Path, tmp_path: Path) -> None:
    make(tmp_path / "others")
    files.replace(keys / KeyName.CUSTODY, read_file(KeyName.CUSTODY, tmp_path / "others"))
    with pytest.raises(KeyUnusable, match=r"custody\.pem is another key"):
        make(keys)

    files.replace(keys / CA_KEY_FILE, read_file(CA_KEY_FILE, tmp_path / "others"))
    with pytest.raises(KeyUnusable, match="not the certificate"):
        make(keys)


def test_the_authority_may_certify_machines_and_nothing_below_them(keys: Path) -> None:
    certificate = x509.load_pem_x509_certificate(read_file(CA_CERTIFICATE_FILE, keys))

    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
    assert certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    certificate.verify_directly_issued_by(certificate)


def test_the_genesis_names_every_public_key_and_the_fees(keys: Path) -> None:
    genesis = load_genesis(keys)

    assert genesis.fee_policy == FEES
    assert genesis.controller_key_pem == load_signing_key(KeyName.RECORDER, keys).public.pem
    assert genesis.ticket_root_key_pem == load_signing_key(KeyName.ROOT, keys).public.pem
    assert b"PRIVATE" not in read_file(GENESIS_FILE, keys)


def test_a_missing_key_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(KeyMissing, match="make_keys"):
        load_signing_key(KeyName.ROOT, tmp_path)


def test_a_key_that_others_may_read_is_not_used(keys: Path) -> None:
    (keys / KeyName.ROOT).chmod(0o640)

    with pytest.raises(KeyUnusable, match="chmod 600"):
        load_signing_key(KeyName.ROOT, keys)


def test_a_file_that_is_no_key_is_named(keys: Path) -> None:
    files.replace(keys / KeyName.ROOT, b"no key")

    with pytest.raises(KeyUnusable, match=r"root\.pem: private key: expected"):
        load_signing_key(KeyName.ROOT, keys)


@pytest.mark.parametrize("broken", [b"", b"\xff", b"{}"])
def test_a_genesis_that_cannot_be_used_is_named(keys: Path, broken: bytes) -> None:
    files.replace(keys / GENESIS_FILE, broken)

    with pytest.raises(KeyUnusable, match=r"genesis\.json"):
        load_genesis(keys)
