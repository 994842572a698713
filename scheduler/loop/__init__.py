"""The scheduler at work: what it does when something arrives, and what it looks after by itself."""
