"""Signers: processes that hold one key each, and sign only what administrators of both organisations approved."""
