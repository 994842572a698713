"""`chainfaas_agent`, the one package that an installation has: this repository's packages are rooms inside it.

They keep their short names, and neither is another distribution's `wire` in their way, nor are they in its.
"""

import sys
from importlib import import_module
from pathlib import Path


def main() -> None:
    """Run `chainfaas-agent`."""
    sys.path.insert(0, str(Path(__file__).parent / "rooms"))
    import_module("provider_agent.cli").main()
