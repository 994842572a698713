"""What a test measures is shown at once, although pytest keeps what tests write."""

from collections.abc import Callable

import pytest

Report = Callable[[str], None]


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """Return what shows a line."""
    capturing = request.config.pluginmanager.getplugin("capturemanager")
    terminal = request.config.pluginmanager.getplugin("terminalreporter")

    def write(words: str) -> None:
        with capturing.global_and_fixture_disabled():
            terminal.ensure_newline()
            terminal.write_line(words)

    return write
