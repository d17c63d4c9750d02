#!/usr/bin/env bash
# run.sh BUILD_FOLDER: builds the pages and a scene, then lets a browser use them. Screenshots: BUILD_FOLDER/dashboard-test/
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
output="$1/dashboard-test"
mkdir -p "$output"
cd "$here"
[[ node_modules/.package-lock.json -nt package-lock.json ]] || npm ci --no-audit --no-fund
[[ $root/dashboard/node_modules/.package-lock.json -nt $root/dashboard/package-lock.json ]] || npm --prefix "$root/dashboard" ci --no-audit --no-fund
npm --prefix "$root/dashboard" run build
[[ -f $output/scene.blend ]] ||
  blender -b --factory-startup -noaudio --python-exit-code 3 -P "$root/demo/make_scene.py" -- "$output/scene.blend" --width 320 --height 180 --samples 8 >"$output/blender.log"
exec node dashboard_test.mjs "$1/bin/worldshare" "$output/scene.blend" "$output"
