"""The agent's wheel has what the agent needs of this repository: setup.py names its rooms, the imports show them."""

import ast
from collections.abc import Iterator

from tests.architecture.sources import ROOT, Source, sources

MODULES = {source.name.removesuffix(".py").removesuffix("/__init__").replace("/", "."): source for source in sources()}


def rooms() -> set[str]:
    """Return the top-level packages that setup.py puts into the wheel."""
    for node in ast.parse((ROOT / "setup.py").read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ROOMS":
            return set(ast.literal_eval(node.value))
    raise AssertionError


def imported(source: Source) -> Iterator[str]:
    """Yield the modules of this repository that one imports anywhere in it."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (name for name in names if name in MODULES)


def test_the_wheel_has_every_package_that_the_agent_imports() -> None:
    waiting = {name for name in MODULES if name.partition(".")[0] == "provider_agent"}
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        reached.add(name)
        waiting |= set(imported(MODULES[name])) - reached

    assert len(reached) > 40
    assert {name.partition(".")[0] for name in reached} == rooms()
