"""Large transactions are deflated on the way: a thousand operations are alike, and each peer copies them many times.

Only the submitter deflates, so nothing depends on every organisation's library finding the same bytes.
"""

import base64
import binascii
import zlib

from wire.errors import Malformed
from wire.signing import Jws

#: No compact JWS begins so.
_MARK = "z."
#: Deflating a small transaction gains nothing.
_LEAST_CHARS = 4_096
#: An inflated payload is no larger.
_MOST_BYTES = 4 * 1024 * 1024
_FAST = 1


def packed(envelope: str) -> str:
    """Return a transaction's JWS as it is sent: a large one with its payload deflated."""
    parts = envelope.split(".")
    if len(envelope) < _LEAST_CHARS or len(parts) != 3:  # noqa: PLR2004 - header, payload, signature
        return envelope
    header, payload, signature = parts
    deflated = zlib.compress(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)), _FAST)
    return f"{_MARK}{header}.{_base64url(deflated)}.{signature}"


def unpacked(text: str) -> str:
    """Return the transaction's JWS in what was sent; nothing is verified.

    :raises Malformed: when it cannot be inflated, or is too large for a transaction.
    """
    if not text.startswith(_MARK):
        return text
    header, content, signature = _inflated(text)
    return f"{header}.{_base64url(content)}.{signature}"


def opened(text: str) -> Jws:
    """Return the transaction's JWS in what was sent, taken apart; nothing is verified.

    :raises Malformed: when it cannot be inflated, or is too large for a transaction.
    :raises BadSignature: when it is no JWS.
    """
    return Jws.of(*_inflated(text)) if text.startswith(_MARK) else Jws.read(text)


def _inflated(text: str) -> tuple[str, bytes, str]:
    """Return header, payload and signature; only the payload is decoded."""
    try:
        header, payload, signature = text.removeprefix(_MARK).split(".")
        inflating = zlib.decompressobj()
        # One byte more than may be: whether the end shows at the very bound would depend on the library.
        content = inflating.decompress(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)), _MOST_BYTES + 1)
    except (ValueError, binascii.Error, zlib.error) as error:
        raise Malformed("transaction: expected a JWS with a deflated payload") from error
    if len(content) > _MOST_BYTES or not inflating.eof or inflating.unused_data:
        raise Malformed(f"transaction: expected one whole payload of at most {_MOST_BYTES} bytes")
    return header, content, signature


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
