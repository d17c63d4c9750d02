#!/usr/bin/env bash
# make-secrets.sh FOLDER: makes the keys and passwords of a cluster in FOLDER, those that are not there yet, and prints the manifests
# that hold them: deploy/kubernetes/make-secrets.sh keys | kubectl apply -f -
# FOLDER/s3.yaml, when you put it there (access_key and secret_key), goes to those who use the object store.
# Keep FOLDER: it is not in the cluster's backup. Needs kubectl and worldshare-agent, or a command for it in WORLDSHARE_AGENT that runs in FOLDER.
set -euo pipefail
umask 077
[[ $# -eq 1 ]] || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
mkdir -p "$1"
cd "$1"
namespace=worldshare-economy-offline
read -ra agent <<<"${WORLDSHARE_AGENT:-worldshare-agent}"
for program in kubectl "${agent[0]}"; do
  command -v "$program" >/dev/null || { echo "make-secrets.sh: $program is missing: docs/operations.md, \"Kubernetes\"" >&2; exit 2; }
done

for who in dispatcher verifier operator; do
  if [[ ! -s $who.public ]]; then
    rm -f "$who.seed"
    "${agent[@]}" --init-key "$who.seed" >"$who.new"
    mv "$who.new" "$who.public"
  fi
done
for secret in api-token url-secret postgres-password; do
  if [[ ! -s $secret ]]; then
    head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n' >"$secret.new"
    mv "$secret.new" "$secret"
  fi
done

store=()
[[ ! -s s3.yaml ]] || store=(--from-file=s3.yaml)

make() {
  echo ---
  kubectl create --dry-run=client -o yaml --namespace "$namespace" "$@"
}
make secret generic dispatcher-keys --from-file=dispatcher.seed --from-file=api-token --from-file=url-secret "${store[@]}"
make secret generic verifier-keys --from-file=verifier.seed "${store[@]}"
make secret generic postgres --from-file=password=postgres-password
make configmap public-keys --from-file=dispatcher=dispatcher.public --from-file=verifier=verifier.public --from-file=operator=operator.public
