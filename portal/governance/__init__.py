"""What administrators of both organisations decide: requests, approvals, signers."""
