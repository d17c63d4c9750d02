#!/usr/bin/env bash
# The document must satisfy two validators that share no code with WorldShare.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=tools/web.sh
source "$here/../../tools/web.sh"
cd "$here"
npm_packages "$here"
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true
node_modules/.bin/redocly lint --config redocly.yaml ../../schemas/openapi.yaml
exec node_modules/.bin/spectral lint --ruleset spectral.yaml --fail-severity warn ../../schemas/openapi.yaml
