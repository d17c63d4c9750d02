#!/bin/bash
# What the image of SeaweedFS does with the arguments that compose.s3.yaml gives it, for the tests' own image.
set -euo pipefail
folder='' port='' config=''
for argument in "$@"; do
  case $argument in
    -dir=*) folder=${argument#*=} ;;
    -s3.port=*) port=${argument#*=} ;;
    -s3.config=*) config=${argument#*=} ;;
  esac
done
read -r access secret < <(node -p 'const { credentials: [one] } = JSON.parse(fs.readFileSync(process.argv[1])).identities[0];
  one.accessKey + " " + one.secretKey' "$config")
exec node --openssl-legacy-provider /opt/s3/server.mjs "0.0.0.0:$port" "$folder" "" "$access" "$secret"
