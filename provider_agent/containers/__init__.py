"""Running a container: the engine, its images, the sandbox, the streams, and what came of it."""
