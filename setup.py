"""Which packages the agent's wheel has: all inside `chainfaas_agent`. Everything else is in pyproject.toml."""

from setuptools import find_packages, setup

#: What the agent imports, each a package of this repository's root.
ROOMS = ("wire", "fabric_client", "ledger", "provider_agent")
#: The embedded ledger is the portal's, which has the contracts.
_NOT = ("*.installed", "ledger.embedded")
_WITHIN = "chainfaas_agent.rooms"

found = find_packages(include=[pattern for room in ROOMS for pattern in (room, f"{room}.*")], exclude=_NOT)
setup(
    packages=["chainfaas_agent", *(f"{_WITHIN}.{package}" for package in found)],
    package_dir={"chainfaas_agent": "provider_agent/installed"} | {f"{_WITHIN}.{room}": room for room in ROOMS},
)
