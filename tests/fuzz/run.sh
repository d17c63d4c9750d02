#!/usr/bin/env bash
# Builds the fuzz targets with clang and runs each for a while, as many at once as there are processors:
# tests/fuzz/run.sh [SECONDS PER TARGET] [TARGET..]
# New inputs stay in build/fuzz/found/; what crashes is kept there too, and fails the run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
seconds="${1:-60}"
shift || true
targets=("$@")
[[ ${#targets[@]} -gt 0 ]] || targets=(decode image manifest messages policy safetensors url)

export CCACHE_DIR="$PWD/.ccache"
cmake --preset fuzz -DCMAKE_CXX_FLAGS=-fsanitize=fuzzer-no-link >/dev/null
cmake --build build/fuzz --target fuzz_targets

# run_target TARGET: its output in one piece, when it is done.
run_target() {
  local found="build/fuzz/found/$1" log status=0
  mkdir -p "$found"
  log=$("build/fuzz/bin/fuzz_$1" -max_total_time="$seconds" -max_len=8192 -timeout=10 -rss_limit_mb=2048 \
    -print_final_stats=1 -verbosity=0 -artifact_prefix="$found/" "$found" "tests/fuzz/corpus/$1" 2>&1) || status=1
  printf '== fuzz_%s for %s s\n%s\n' "$1" "$seconds" "$log"
  [[ $status -eq 0 ]] || printf 'fuzz_%s failed; its input is in %s\n' "$1" "$found" >&2
  return "$status"
}
export -f run_target
export seconds
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I{} bash -euo pipefail -c 'run_target {}'
