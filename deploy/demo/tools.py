"""Two commands for whoever tries the marketplace by hand: the administrator's and the agent's, ready to use."""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy.marketplace.running import Marketplace
from deploy.paths import ROOT

_MANAGE = """\
#!/bin/sh
# manage.py with the settings of the marketplace in this directory.
{exports}
cd {root} && exec {python} manage.py "$@"
"""
_AGENT = """\
#!/bin/sh
# chainfaas-agent, which trusts this marketplace's authority and uses its Docker Engine.
{exports}
[ "$1" != enroll ] || set -- "$@" --ca {ca_file}
exec {python} -m provider_agent "$@"
"""


def write_tools(market: Marketplace) -> tuple[Path, Path]:
    """Write both into the marketplace's directory, and return where they are: `manage`, `chainfaas-agent`."""
    directory, python = market.layout.directory, shlex.quote(sys.executable)
    manage = _MANAGE.format(exports=_exports(market.controller.settings), root=shlex.quote(str(ROOT)), python=python)
    agent = _AGENT.format(
        exports=_exports({"PYTHONPATH": str(ROOT), "DOCKER_HOST": market.servers.docker_url}),
        ca_file=shlex.quote(str(market.servers.tls.ca_file)),
        python=python,
    )
    return _executable(directory / "manage", manage), _executable(directory / "chainfaas-agent", agent)


def _exports(values: Mapping[str, str]) -> str:
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in values.items())


def _executable(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o700)
    return path
