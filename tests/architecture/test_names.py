"""One name has one meaning: classes, and columns that say when."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator

from tests.architecture.sources import ROOT, Source, sources

#: Django finds these by their names.
_FRAMEWORK = {"Command"}
_WHEN = re.compile(r"[a-z]\w*_(at|until|since|by)(_ms)?")


def _product() -> list[Source]:
    return [source for source in sources() if not source.name.startswith(("tests/", "benchmarks/"))]


def _fields(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.ClassDef):
            continue
        for item in node.body:
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                yield item.target.id
            elif isinstance(item, ast.Assign) and isinstance(item.targets[0], ast.Name):
                yield item.targets[0].id


def test_a_class_has_a_name_of_its_own() -> None:
    places = defaultdict(list)
    for source in _product():
        for node in source.tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and node.name not in _FRAMEWORK:
                places[node.name].append(source.name)

    assert len(places) > 500
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_a_name_that_says_when_has_its_one_meaning_in_the_glossary() -> None:
    rows = (ROOT / "docs/glossary.md").read_text().partition("\n## Times\n")[2]
    told = re.findall(r"^\| `(\w+)` \| (.+) \|$", rows, re.MULTILINE)
    used = {name.removesuffix("_ms") for source in _product() for name in _fields(source) if _WHEN.fullmatch(name)}

    assert used == {name for name, _ in told}
    assert len({meaning for _, meaning in told}) == len(told)
