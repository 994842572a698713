"""The database as the scheduler sees it: the port, the changes that go through it, and its stand-in."""
