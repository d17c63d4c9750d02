#!/usr/bin/env bash
# run.sh BUILD_FOLDER: makes the typed client from the document, and lets it and prism use a real farm.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
# shellcheck source=tools/web.sh
source "$root/tools/web.sh"
output="$1/contract-test"
mkdir -p "$output"
cd "$here"
npm_packages "$here"
node_modules/.bin/openapi-typescript ../../schemas/openapi.yaml --default-non-nullable false -o src/api-types.ts
node_modules/.bin/tsc -p .
make_scene "$output/scene.blend" --width 64 --height 36 --samples 4
exec node contract_test.mjs "$1/bin/worldshare" "$output/scene.blend"
