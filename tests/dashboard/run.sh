#!/usr/bin/env bash
# run.sh BUILD_FOLDER: builds the pages and a scene, then lets a browser use them. Screenshots: BUILD_FOLDER/dashboard-test/
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
# shellcheck source=tools/web.sh
source "$root/tools/web.sh"
output="$1/dashboard-test"
mkdir -p "$output"
cd "$here"
npm_packages "$here"
npm_packages "$root/dashboard"
npm --prefix "$root/dashboard" run build
make_scene "$output/scene.blend" --width 320 --height 180 --samples 8
exec node dashboard_test.mjs "$1/bin/worldshare" "$output/scene.blend" "$output"
