"""`chainfaas-agent key`: what it makes can be used, is shown to nobody, and signs nothing unread."""

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from provider_agent.cli import main
from wire import signing
from wire.ledger.operations import Transfer, operation_text
from wire.signing import PublicKey, SigningKey

ACCOUNT = "b7d1e2a4-1111-4222-8333-444455556666"


def run(*arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(main, ["key", *arguments], input=given)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A key file that the command made."""
    path = tmp_path / "own-key.pem"
    assert run("new", str(path)).exit_code == 0
    return path


def test_a_new_key_is_its_owner_s_alone_and_never_overwritten(file: Path) -> None:
    content = file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

    again = run("new", str(file))

    assert again.exit_code == 1
    assert "never overwritten" in again.stderr
    assert file.read_bytes() == content


def test_its_public_half_is_printed_and_nothing_of_the_other(file: Path) -> None:
    shown = run("show", str(file)).stdout

    assert PublicKey.from_pem(shown).key_id == SigningKey.from_pem(file.read_bytes()).public.key_id
    assert "PRIVATE" not in shown


def test_a_proof_is_of_the_account_and_of_nothing_else(file: Path) -> None:
    proof = run("proof", str(file), ACCOUNT).stdout.strip()

    key = SigningKey.from_pem(file.read_bytes()).public
    assert key.verify(proof, signing.ENROLMENT) == ACCOUNT.encode()
    assert run("proof", str(file), "nonsense").exit_code == 2


@pytest.mark.parametrize("by_argument", [True, False], ids=["argument", "standard input"])
def test_an_operation_is_shown_and_signed_to_the_letter(file: Path, *, by_argument: bool) -> None:
    transfer = Transfer(account_id=ACCOUNT, to_account_id="paul", amount_micro=2_500_000)
    text = operation_text(f"account.transfer:{ACCOUNT}:1", transfer)

    result = run("sign", str(file), text) if by_argument else run("sign", str(file), given=f"{text}\n")

    assert "amount: 2.5 credits" in result.stderr
    assert "to account id: paul" in result.stderr
    key = SigningKey.from_pem(file.read_bytes()).public
    assert key.verify(result.stdout.strip(), signing.OPERATION) == text.encode()


@pytest.mark.parametrize("text", ["", "nonsense", "[]", "{}", '{"kind":"x","operation_id":"y","arguments":7}'])
def test_what_is_no_operation_is_not_signed(file: Path, text: str) -> None:
    result = run("sign", str(file), text)

    assert (result.exit_code, result.stdout) == (1, "")
    assert "copy all of it" in result.stderr


def test_a_key_that_others_can_read_is_not_used(file: Path) -> None:
    file.chmod(0o644)

    result = run("show", str(file))

    assert result.exit_code == 1
    assert "chmod 600" in result.stderr


def test_a_file_that_is_no_key_is_told_so(tmp_path: Path) -> None:
    assert "cannot be read" in run("show", str(tmp_path / "none")).stderr
    other = tmp_path / "other"
    other.touch(mode=0o600)
    assert "private key" in run("show", str(other)).stderr
    assert "cannot be written" in run("new", str(tmp_path / "none" / "key.pem")).stderr
