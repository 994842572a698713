"""A job's way through the agent: ticket, policy, journal, run, receipt, spool."""
