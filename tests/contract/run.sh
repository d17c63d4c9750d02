#!/usr/bin/env bash
# run.sh BUILD_FOLDER: makes the typed client from the document, and lets it and prism use a real farm.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
output="$1/contract-test"
mkdir -p "$output"
cd "$here"
[[ node_modules/.package-lock.json -nt package-lock.json ]] || npm ci --no-audit --no-fund
node_modules/.bin/openapi-typescript ../../schemas/openapi.yaml --default-non-nullable false -o src/api-types.ts
node_modules/.bin/tsc -p .
[[ -f $output/scene.blend ]] ||
  blender -b --factory-startup -noaudio --python-exit-code 3 -P "$root/demo/make_scene.py" -- "$output/scene.blend" --width 64 --height 36 --samples 4 >"$output/blender.log"
exec node contract_test.mjs "$1/bin/worldshare" "$output/scene.blend"
