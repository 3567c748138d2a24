#!/bin/sh
# A Chromium for the browser tests: the shell without a window, which takes half the time, or
# whatever Chromium there is, or Playwright's.
set -eu
there() {
    for name in "$@"; do
        if command -v "$name" > /dev/null; then return 0; fi
    done
    return 1
}
if there chromium-headless-shell; then exit 0; fi
if [ "$(id -u)" = 0 ] && there apt-get; then
    echo "Installing Chromium for the browser tests."
    apt-get update -qq || true
    export DEBIAN_FRONTEND=noninteractive
    for name in chromium-headless-shell chromium; do
        if apt-get install -y -qq --no-install-recommends "$name" > /dev/null; then exit 0; fi
    done
fi
if there chromium chromium-browser google-chrome; then exit 0; fi
exec .venv/bin/python -m playwright install chromium
