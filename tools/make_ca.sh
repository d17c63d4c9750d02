#!/usr/bin/env bash
# A certificate authority for development, and a server's certificate of it: make_ca.sh FOLDER [NAME..]
# NAME: a host name or an IP address; localhost and 127.0.0.1 are always in. What is there is kept, so that agents who
# trust ca.pem go on doing so; only the server's certificate is made anew. Never for the internet: ca.key lies open.
set -euo pipefail

folder=${1:?usage: make_ca.sh FOLDER [NAME..]}
shift
mkdir -p "$folder"
umask 077

if [[ ! -f $folder/ca.pem ]]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
    -subj '/CN=WorldShare development authority' -addext 'keyUsage=critical,keyCertSign,cRLSign' \
    -keyout "$folder/ca.key" -out "$folder/ca.pem" 2>/dev/null
fi

names='DNS:localhost,IP:127.0.0.1,IP:::1'
for name in "$@"; do
  if [[ $name =~ ^[0-9.]+$ || $name == *:* ]]; then names+=",IP:$name"; else names+=",DNS:$name"; fi
done
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=WorldShare development server' \
  -keyout "$folder/server.key" -out "$folder/server.csr" 2>/dev/null
openssl x509 -req -in "$folder/server.csr" -CA "$folder/ca.pem" -CAkey "$folder/ca.key" -CAcreateserial -days 365 \
  -extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\n' "$names") -out "$folder/server.pem" 2>/dev/null
rm "$folder/server.csr"
chmod 644 "$folder/ca.pem" "$folder/server.pem"
printf 'authority: %s\nserver:    %s %s\nnames:     %s\n' \
  "$folder/ca.pem" "$folder/server.pem" "$folder/server.key" "$names"
