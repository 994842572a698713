"""Which ledger this installation has: a Fabric network when a connection profile is set, else the embedded one."""

from collections.abc import Callable
from pathlib import Path

from fabric_client.profile import Profile
from ledger.embedded import verification as embedded
from ledger.embedded.ledger import EmbeddedReader, EmbeddedWriter
from ledger.errors import LedgerDamaged
from ledger.fabric import verification as fabric
from ledger.fabric.errors import in_our_words
from ledger.fabric.ledger import FabricLedger, FabricReader
from ledger.verification import Progress, Verified
from portal.environment import setting
from portal.keys import KeyName, load_genesis, signing_key
from wire.ledger import state_keys


def open_reader() -> EmbeddedReader | FabricReader:
    """Return the ledger to read it.

    :raises LedgerMissing: when there is none.
    """
    if profile := setting("CHAINFAAS_FABRIC_PROFILE"):
        return FabricReader(_profile(profile))
    return EmbeddedReader.open_file(Path(setting("CHAINFAAS_LEDGER_FILE")))


def verify(ledger: EmbeddedReader | FabricReader, progress: Progress) -> Verified:
    """Prove a ledger from its first block.

    :raises LedgerDamaged: naming the block and what is wrong with it.
    """
    if isinstance(ledger, FabricReader):
        return fabric.verify(ledger, load_genesis(), progress)
    return embedded.verify(ledger, load_genesis(), progress)


def open_writer(on_block: Callable[[], object] = lambda: None) -> EmbeddedWriter | FabricLedger:
    """Return the ledger to write to it; the embedded one is created when there is none.

    `on_block` is called when a block of somebody else's making has arrived, on another thread.

    :raises LedgerDamaged: when it began with another genesis.
    :raises LedgerInUse: when another process writes to the embedded one.
    """
    genesis = load_genesis()
    if profile := setting("CHAINFAAS_FABRIC_PROFILE"):
        ledger = FabricLedger(_profile(profile), on_block)
        if ledger.get(state_keys.genesis()) != genesis.text():
            ledger.close()
            raise LedgerDamaged(f"the ledger of {profile} did not begin with this genesis: `network begin` does that")
        return ledger
    path = Path(setting("CHAINFAAS_LEDGER_FILE"))
    return EmbeddedWriter.open(path, block_key=signing_key(KeyName.BLOCK), genesis=genesis)


def _profile(path: str) -> Profile:
    with in_our_words():
        return Profile.read(Path(path))
