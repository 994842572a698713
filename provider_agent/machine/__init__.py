"""What makes a machine a provider: its home directory, keys, settings, enrolment and check-up."""
