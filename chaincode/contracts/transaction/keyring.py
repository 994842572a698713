"""Public keys read once: parsing a PEM costs a quarter of a verification."""

from functools import lru_cache

from wire.signing import PublicKey


@lru_cache(maxsize=4096)
def public_key(pem: str) -> PublicKey:
    """Return the key of a PEM that was checked before it was pinned."""
    return PublicKey.from_pem(pem)
