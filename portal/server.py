"""How gunicorn runs the portal: uvicorn's worker, but one that comes to an end."""

import warnings
from typing import Any

with warnings.catch_warnings():
    # uvicorn points to a package of its own for the same class; one dependency less is worth the notice.
    warnings.simplefilter("ignore", DeprecationWarning)
    from uvicorn.workers import UvicornWorker


class Worker(UvicornWorker):
    """Named on gunicorn's command line: `--worker-class portal.server.Worker`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # By itself uvicorn waits for ever for callers that keep an idle connection open.
        self.config.timeout_graceful_shutdown = self.cfg.graceful_timeout
        self.config.server_header = False
        self.config.ws = "none"
