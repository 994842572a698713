"""What crosses HTTP: requests, answers, paths, errors."""
