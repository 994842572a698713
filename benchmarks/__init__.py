"""Measurements of the running system against what its parts could do at best."""
