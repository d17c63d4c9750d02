#!/usr/bin/env bash
# Builds the fuzz targets with clang and runs each for a while: tests/fuzz/run.sh [SECONDS PER TARGET] [TARGET..]
# New inputs stay in build/fuzz/found/; what crashes is kept there too, and fails the run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
seconds="${1:-60}"
shift || true
targets=("$@")
[[ ${#targets[@]} -gt 0 ]] || targets=(decode image manifest messages policy safetensors url)

export CCACHE_DIR="$PWD/.ccache"
cmake --preset fuzz -DCMAKE_CXX_FLAGS="-O1 -g1 -fsanitize=fuzzer-no-link" >/dev/null
cmake --build build/fuzz --target fuzz_targets

status=0
for target in "${targets[@]}"; do
  found="build/fuzz/found/$target"
  mkdir -p "$found"
  printf '== fuzz_%s for %s s\n' "$target" "$seconds"
  if ! "build/fuzz/bin/fuzz_$target" -max_total_time="$seconds" -max_len=8192 -timeout=10 -rss_limit_mb=2048 \
    -print_final_stats=1 -verbosity=0 -artifact_prefix="$found/" "$found" "tests/fuzz/corpus/$target"; then
    printf 'fuzz_%s failed; its input is in %s\n' "$target" "$found" >&2
    status=1
  fi
done
exit "$status"
