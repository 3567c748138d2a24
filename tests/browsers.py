"""Which Chromium the browser tests use, and what it is told."""

import os

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
# As root and without a network, Chromium needs to be told both.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
