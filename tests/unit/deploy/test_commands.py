"""All commands end alike: 2 for a wrong word, 1 with a sentence for what is not there."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from deploy.commands import OperatorCommand
from deploy.demo.__main__ import main as quickstart
from deploy.errors import DeployError
from deploy.fabric.__main__ import main as network
from fabric_client.errors import PeerUnavailable
from peer_operator.__main__ import main as peer
from wire.http.portal import PortalRefused


@pytest.mark.parametrize("command", [network, peer, quickstart])
def test_a_word_that_is_not_known_ends_with_2_and_what_is_known_is_shown(command: click.Command) -> None:
    assert CliRunner().invoke(command, ["--nonsense"]).exit_code == 2
    assert CliRunner().invoke(command, ["-h"]).exit_code == 0


@pytest.mark.parametrize(("command", "words"), [(network, ["--data", "{}", "status"]), (peer, ["up", "--data", "{}"])])
def test_what_is_not_there_ends_with_1_and_one_line(command: click.Command, words: list[str], tmp_path: Path) -> None:
    ended = CliRunner().invoke(command, [word.format(tmp_path / "none") for word in words])

    assert ended.exit_code == 1
    assert (ended.stdout, ended.stderr.count("\n")) == ("", 1)
    assert ended.stderr.startswith(("Error: there is no network in", "Error: no peer has joined from"))


@pytest.mark.parametrize("error", [PortalRefused("the portal says no"), PeerUnavailable("no peer"), DeployError("no")])
def test_what_is_expected_to_fail_is_a_sentence_and_what_is_not_is_a_crash(error: Exception) -> None:
    @click.command(cls=OperatorCommand)
    @click.option("--crash", is_flag=True)
    def failing(*, crash: bool) -> None:
        raise ZeroDivisionError if crash else error

    assert CliRunner().invoke(failing).stderr == f"Error: {error}\n"
    assert isinstance(CliRunner().invoke(failing, ["--crash"]).exception, ZeroDivisionError)


def test_the_end_of_the_log_is_shown_with_what_failed(tmp_path: Path) -> None:
    log = tmp_path / "orderer.log"
    log.write_text("no space left\n")

    @click.command(cls=OperatorCommand)
    def failing() -> None:
        raise DeployError("the orderer ended", log=log)

    assert CliRunner().invoke(failing).stderr == f"Error: the orderer ended (log: {log})\n    no space left\n"
