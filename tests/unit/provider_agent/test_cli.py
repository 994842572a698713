from pathlib import Path

import pytest
from click.testing import CliRunner

from provider_agent import __version__
from provider_agent.cli import main


@pytest.mark.parametrize("command", ["enroll", "run", "status", "doctor"])
def test_each_command_explains_itself(command: str) -> None:
    result = CliRunner().invoke(main, [command, "--help"])

    assert result.exit_code == 0
    assert "--home" in result.output
    assert len(result.output.splitlines()) > 5


def test_the_version_is_told() -> None:
    assert CliRunner().invoke(main, ["--version"]).output == f"chainfaas-agent, version {__version__}\n"


@pytest.mark.parametrize("command", ["run", "doctor"])
def test_a_machine_that_is_not_enrolled_is_told_how_to(command: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [command, "--home", str(tmp_path / "home")])

    assert result.exit_code == 1
    assert "chainfaas-agent enroll" in result.output


def test_status_without_a_running_agent_says_so(tmp_path: Path) -> None:
    plain = CliRunner().invoke(main, ["status", "--home", str(tmp_path)])
    as_json = CliRunner().invoke(main, ["status", "--json", "--home", str(tmp_path)])

    assert (plain.exit_code, as_json.exit_code) == (3, 3)
    assert "No agent runs" in plain.output
    assert as_json.output == '{"running_agent": false}\n'
