"""No two packages import each other, however deep they lie."""

import ast
from collections import defaultdict
from collections.abc import Iterator

from tests.architecture.sources import Source, sources


def _modules() -> dict[str, Source]:
    product = (source for source in sources() if not source.name.startswith(("tests/", "benchmarks/")))
    return {source.name.removesuffix(".py").replace("/", ".").removesuffix(".__init__"): source for source in product}


def _imported(source: Source, modules: dict[str, Source]) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            full = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in modules else node.module for name in full)


def _package(module: str, modules: dict[str, Source]) -> str:
    return module if modules[module].path.name == "__init__.py" else module.rpartition(".")[0]


def _is_inside(one: str, other: str) -> bool:
    return one.startswith(f"{other}.") or other.startswith(f"{one}.")


def test_no_two_packages_import_each_other() -> None:
    modules = _modules()
    arrows = defaultdict(set)
    for name, source in modules.items():
        mine = _package(name, modules)
        for other in _imported(source, modules):
            if other in modules and not _is_inside(mine, theirs := _package(other, modules)):
                arrows[mine].add(theirs)
    pairs = {(one, other) for one, others in arrows.items() for other in others if one != other}

    assert len(pairs) > 100
    assert sorted(pair for pair in pairs if pair[::-1] in pairs) == []
