#!/usr/bin/env bash
# Installs what the S3 server needs, once, however many tests ask at the same time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
exec 9<package.json
flock 9
[[ node_modules/.package-lock.json -nt package-lock.json ]] || npm ci --ignore-scripts --no-audit --no-fund
