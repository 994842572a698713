"""Stands for portal and scheduler in a measurement: puts whole jobs into an installation's outbox."""
