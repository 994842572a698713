"""What code and pages point to is in the repository: headings, files, folders."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.architecture.sources import ROOT, listed

#: Papers that nobody who has only the repository can read, and chapters of what is no published standard.
_ELSEWHERE = re.compile(r"\bdesign(\.md)? ?§|\bdesign\.md\b|\bdoc(ument)?s?[ _]00\d|(?<!RFC \d{4} )§")
#: `docs/architecture.md, "Money"`, over a line's end too.
_CITED = re.compile(r'docs/architecture\.md(?:,\s+(?:#:?\s+)?"([^"]+)")?')
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
#: What stands in code letters in a line of a page, up to a blank: a command's arguments are no path.
_SPAN = re.compile(r"`([^`\s]+)[^`]*`")
_FILE = re.compile(r"[\w-]+(/[\w-]+)*\.(c|md|toml|yaml|html|txt)")


def _pages() -> tuple[Path, ...]:
    return listed("*.md")


@cache
def _headings(page: Path) -> frozenset[str]:
    return frozenset(_HEADING.findall(re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)))


def _anchors(page: Path) -> set[str]:
    """Return the headings as links spell them."""
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in _headings(page)}


def test_nothing_cites_a_paper_that_is_not_in_the_repository() -> None:
    texts = [path for path in listed("*.py", "*.md", "*.html", "*.toml", "*.yaml", "*.c") if path != Path(__file__)]
    wrong = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in texts
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if _ELSEWHERE.search(line) or _ELSEWHERE.search(path.stem)
    ]

    assert len(texts) > 500
    assert wrong == []


def test_code_cites_the_architecture_by_a_heading_that_it_has() -> None:
    there_are = _headings(ROOT / "docs/architecture.md")
    cited = [
        (path.relative_to(ROOT), heading)
        for path in listed("*.py")
        if path.parent != Path(__file__).parent
        for heading in _CITED.findall(path.read_text())
    ]

    assert len(cited) > 5
    assert [(name, heading) for name, heading in cited if heading not in there_are] == []


def test_links_between_pages_lead_somewhere() -> None:
    wrong = [
        f"{page.relative_to(ROOT)}: {target}#{anchor}"
        for page in _pages()
        for target, anchor in _LINK.findall(page.read_text())
        if not _leads_somewhere(page, target, anchor)
    ]

    assert wrong == []


def _leads_somewhere(page: Path, target: str, anchor: str) -> bool:
    path = page.parent / target if target else page
    return path.exists() and (not anchor or anchor in _anchors(path))


def test_the_glossary_says_each_word_once() -> None:
    words = re.findall(r"^\| ([\w ,-]+) \|", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE)
    defined = [word for word in words if word not in {"word", "---"}]

    assert len(defined) > 50
    assert [word for word in defined if defined.count(word) > 1] == []


def test_files_and_folders_that_pages_name_are_there() -> None:
    named = [(page.name, *place) for page in _pages() for place in _places(page)]

    assert len(named) > 150
    assert [place for place in named if not _is_there(*place[1:])] == []


def _places(page: Path) -> Iterator[tuple[str, str]]:
    """Yield the folder that a line speaks of, and a path: a file's name alone lies where the path before it does."""
    top = {path.relative_to(ROOT).parts[0] for path in listed()}
    for line in page.read_text().splitlines():
        folder = ""
        for path in _SPAN.findall(line):
            if "/" in path and path.partition("/")[0] in top and re.fullmatch(r"[\w./-]+", path):
                yield "", path
                folder = path.rpartition("/")[0]
            elif path.endswith(".py") or (folder and _FILE.fullmatch(path)):
                yield folder, path


def _is_there(folder: str, path: str) -> bool:
    if not folder and "/" not in path:
        # Such as `models.py`: what many folders have.
        return any(file.name == path for file in listed())
    return (ROOT / folder / path).exists() or (ROOT / path).exists()
