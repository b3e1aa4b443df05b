"""The worker with the credentials that a pod has: a token in a file, which somebody writes anew before it expires.

    CHAOS_FOLDER=/tmp/x KUBERNETES_SERVICE_HOST=127.0.0.1 KUBERNETES_SERVICE_PORT=6443 python -m tests.chaos.podlike

The folder holds the files `token` and `ca.crt`.
"""

import asyncio
import os
from pathlib import Path
from unittest.mock import patch

from worker.process import run_worker
from worker.settings import WorkerSettings

TOKEN, AUTHORITY = "token", "ca.crt"
LIBRARY = "kubernetes.aio.config.incluster_config"

if __name__ == "__main__":
    folder = Path(os.environ["CHAOS_FOLDER"])
    with (
        patch("k8s.client.IN_CLUSTER_TOKEN", folder / TOKEN),
        patch(f"{LIBRARY}.SERVICE_TOKEN_FILENAME", str(folder / TOKEN)),
        patch(f"{LIBRARY}.SERVICE_CERT_FILENAME", str(folder / AUTHORITY)),
    ):
        asyncio.run(run_worker(WorkerSettings().model_copy(update={"kubeconfig": None})))
