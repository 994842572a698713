"""The one brain for placement: which provider gets which job. No Django, no SQL."""
