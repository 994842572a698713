"""Habits that tools do not check: who may use which library, what is never written."""

import ast
import re
from collections.abc import Iterator

from tests.architecture.sources import Source, sources

#: Which library only modules of which name may import.
ONLY_IN = {"pika": "rabbitmq", "docker": "engine"}
#: What people and programs see of the portal, and modules that only read, in whichever app.
READ_ONLY_APPS = {"web", "api", "gateway"}
READ_ONLY_MODULES = {"queries", "models", "errors", "ports"}
#: How Django changes rows.
WRITES = {"save", "create", "update", "delete", "get_or_create", "update_or_create", "bulk_create", "bulk_update"}
WRITES |= {f"a{name}" for name in WRITES}
_ISSUE = re.compile(r"#\d+|TODO\(\d+\)")


def _product() -> Iterator[Source]:
    return (source for source in sources() if not source.is_test and not source.name.startswith("benchmarks/"))


def _imported(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def test_a_library_has_one_door() -> None:
    elsewhere = [
        f"{source.name} imports {library}"
        for source in _product()
        for library in set(_imported(source))
        if library in ONLY_IN and source.path.stem != ONLY_IN[library]
    ]

    assert elsewhere == []


def test_nothing_is_printed() -> None:
    prints = [
        f"{source.name}:{node.lineno}"
        for source in _product()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]

    assert prints == []


def test_a_caught_exception_of_any_kind_is_logged() -> None:
    """Only outermost loops may catch everything, and then the log has the traceback."""
    silent = [
        f"{source.name}:{node.lineno}"
        for source in _product()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ExceptHandler) and _catches_all(node) and not _logs(node)
    ]

    assert silent == []


def test_what_reads_and_what_people_see_never_writes() -> None:
    """Rows change in operations and the modules beside them: one place to look for who changes what."""
    readers = [source for source in _product() if _only_reads(source)]
    writes = [f"{source.name}:{node.lineno}" for source in readers for node in _writes(source)]

    assert len(readers) > 50
    assert writes == []


def test_what_people_see_counts_no_attempts() -> None:
    views = [source for source in _product() if source.name.startswith(("portal/web/", "portal/api/"))]

    assert len(views) > 30
    assert [source.name for source in views if "throttle" in source.text] == []


def test_what_is_left_to_do_is_an_issue() -> None:
    notes = [
        f"{source.name}:{number}"
        for source in sources()
        for number, line in enumerate(source.text.splitlines(), 1)
        if re.search(r"#.*\b(TODO|FIXME|XXX)\b", line) and not _ISSUE.search(line) and "test_habits" not in source.name
    ]

    assert notes == []


def test_tests_wait_for_conditions_and_never_sleep() -> None:
    sleeping = [
        f"{source.name}:{node.lineno}"
        for source in sources()
        if source.is_test
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "time.sleep"
    ]

    assert sleeping == []


def test_every_module_says_what_it_is_for() -> None:
    """Not of tests: their names are sentences."""
    silent = [source.name for source in _product() if source.text.strip() and not ast.get_docstring(source.tree)]

    assert silent == []


def _only_reads(source: Source) -> bool:
    parts = source.name.split("/")
    return parts[0] == "portal" and (parts[1] in READ_ONLY_APPS or source.path.stem in READ_ONLY_MODULES)


def _writes(source: Source) -> Iterator[ast.Call]:
    """Return the calls of a manager's, query's or row's writing methods; those of our own modules are operations."""
    modules = {
        alias.asname or alias.name
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name.islower()
    }
    for node in ast.walk(source.tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITES):
            continue
        if ast.unparse(node.func.value) not in modules:
            yield node


def _catches_all(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    named = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(item, ast.Name) and item.id in {"Exception", "BaseException"} for item in named)


def _logs(handler: ast.ExceptHandler) -> bool:
    """Return whether the handler logs with the traceback, or passes the exception on."""
    return any(
        isinstance(node, ast.Raise)
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "exception")
        or (isinstance(node, ast.keyword) and node.arg == "exc_info")
        for node in ast.walk(handler)
    )
