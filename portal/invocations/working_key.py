"""The working key as the scheduler holds it: read at its start, and again whenever its files have changed."""

import logging
from pathlib import Path

from portal.keys import WORKING_KEY_FILE, KeyMissing, KeyName, KeyUnusable, load_signing_key, read_file
from portal.moments import moment
from scheduler.tickets import TicketSigner
from wire.errors import WireError

log = logging.getLogger(__name__)


class WorkingKeyFiles:
    """`ticket.pem` and the root key's word for it, in one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._seen: tuple[tuple[int, int], ...] = ()

    def load(self, *, now_ms: int) -> TicketSigner:
        """Return the working key.

        :raises KeyUnusable: when a file is missing or wrong, the word is for another key, or it has expired.
        """
        seen, path = self._stamps(), self._directory / WORKING_KEY_FILE
        try:
            word = read_file(WORKING_KEY_FILE, self._directory).decode().strip()
            signer = TicketSigner(load_signing_key(KeyName.TICKET, self._directory), word)
            vouched = signer.vouched
        except (WireError, UnicodeDecodeError) as error:
            raise KeyUnusable(f"{path}: {error}; run 'manage.py make_keys'") from error
        if vouched.public_key_pem != signer.key.public.pem:
            raise KeyUnusable(f"{path} is for another key than {KeyName.TICKET}: run 'manage.py make_keys'")
        if vouched.not_after_ms <= now_ms:
            ended = moment(vouched.not_after_ms)
            raise KeyUnusable(f"{path} expired on {ended:%Y-%m-%d}: run 'manage.py make_keys' (docs/keys.md)")
        self._seen = seen
        return signer

    def changed(self, *, now_ms: int) -> TicketSigner | None:
        """Return the working key if its files have changed and can be used; else the one in use stays."""
        try:
            return self.load(now_ms=now_ms) if self._stamps() != self._seen else None
        except KeyUnusable as error:
            log.error("working_key.unusable", extra={"why": str(error)})  # noqa: TRY400 - says what to do
            return None

    def _stamps(self) -> tuple[tuple[int, int], ...]:
        """Return what changes when a file is replaced.

        :raises KeyMissing: when a file is not there.
        """
        try:
            found = [(self._directory / name).stat() for name in (KeyName.TICKET, WORKING_KEY_FILE)]
        except OSError as error:
            raise KeyMissing(f"{error.filename} is missing: run 'manage.py make_keys' (docs/keys.md)") from error
        return tuple((stat.st_ino, stat.st_mtime_ns) for stat in found)
