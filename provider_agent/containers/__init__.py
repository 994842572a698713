"""Running a container: the sandbox, its streams, the registries it may come from, and Docker."""
