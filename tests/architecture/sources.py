"""The project's Python files as syntax trees, for tests/architecture."""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
_GENERATED = "migrations"
_NESTING = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """Where it is in the project."""
        return str(self.path.relative_to(ROOT))

    @property
    def lines(self) -> int:
        """How long it is."""
        return len(self.text.splitlines())

    @property
    def is_test(self) -> bool:
        """Whether it belongs to the tests."""
        return self.name.startswith("tests/")

    def functions(self) -> Iterator[Function]:
        """Yield every function and method."""
        for node in ast.walk(self.tree):
            if isinstance(node, Function):
                yield node


@cache
def listed(*patterns: str) -> tuple[Path, ...]:
    """Return every file of such a name that git knows or would know."""
    found = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    paths = (ROOT / name for name in found.stdout.split("\0") if name)
    return tuple(sorted(path for path in paths if path.exists()))


@cache
def sources() -> tuple[Source, ...]:
    """Return every Python file; migrations are generated."""
    return tuple(_read(path) for path in listed("*.py") if _GENERATED not in path.parts)


def length(function: Function) -> int:
    """Return a function's lines, without decorators and docstring."""
    first = function.body[0]
    is_documented = ast.get_docstring(function) is not None
    documented = (first.end_lineno or first.lineno) - first.lineno + 1 if is_documented else 0
    return (function.end_lineno or function.lineno) - function.lineno + 1 - documented


def parameters(function: Function) -> int:
    """Return how many arguments a caller has to think of."""
    named = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return len([item for item in named if item.arg not in {"self", "cls"}])


def nesting(node: ast.AST) -> int:
    """Return how deep blocks lie inside each other; a function inside begins anew, an `elif` does not count."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.ClassDef | ast.Lambda):
            continue
        own = isinstance(child, _NESTING) and not _is_elif(node, child)
        deepest = max(deepest, nesting(child) + own)
    return deepest


def _is_elif(parent: ast.AST, child: ast.AST) -> bool:
    return isinstance(parent, ast.If) and isinstance(child, ast.If) and parent.orelse == [child]


def _read(path: Path) -> Source:
    text = path.read_text()
    return Source(path, text, ast.parse(text, str(path)))
