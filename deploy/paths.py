"""Where the project's own files lie."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
#: What is made here and belongs to no version.
VAR = ROOT / "var"
#: Fabric's sources, configuration and topology.
FABRIC = ROOT / "fabric-network"
#: Fabric's programs, once they are built.
FABRIC_BINARIES = VAR / "fabric-bin"
