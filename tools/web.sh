# shellcheck shell=bash
# What pages, and tests that use them, are made with; sourced.

# The packages of a folder's lock file, when they are not there yet.
npm_packages() {
  [[ $1/node_modules/.package-lock.json -nt $1/package-lock.json ]] || npm --prefix "$1" ci --no-audit --no-fund
}

# make_scene FILE FLAGS..: the demo's scene, small, unless it is there.
make_scene() {
  local file=$1 script
  shift
  script="$(dirname "${BASH_SOURCE[0]}")/../demo/make_scene.py"
  [[ -f $file ]] ||
    blender -b --factory-startup -noaudio --python-exit-code 3 -P "$script" -- "$file" "$@" >"${file%.blend}.log"
}
