"""The monitoring contract: providers, versions, and jobs with their settlement."""
