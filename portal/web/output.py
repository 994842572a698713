"""What of a function's output a page shows."""

#: Longer outputs are named, not shown.
SHOWN_BYTES = 16_384


def shown_text(output: bytes) -> str | None:
    """Return an output as text; None when it is too long or no text."""
    if len(output) > SHOWN_BYTES:
        return None
    try:
        return output.decode()
    except UnicodeDecodeError:
        return None
