#!/usr/bin/env bash
# A stranger's machine: the Debian package on a fresh Debian 12 root, enrolled and started without systemd and without
# a file edited, has its first verified unit within a minute. Takes minutes and needs root, so ctest does not run it.
#
#   tests/package/install_test.sh DEB PROGRAMS [ROOT]
#
# PROGRAMS: the folder of worldshare and its services. ROOT: a Debian 12 root with Blender and bubblewrap; made with
# debootstrap when it is not there (MIRROR: where from), and left as it was but for the package.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

deb=$(realpath "${1:?usage: install_test.sh DEB PROGRAMS [ROOT]}")
programs=$(realpath "${2:?usage: install_test.sh DEB PROGRAMS [ROOT]}")
root=${3:-/var/tmp/worldshare-root}
mirror=${MIRROR:-http://deb.debian.org/debian}
limit=60
state=$(mktemp -d /var/tmp/worldshare-install.XXXXXX)
chmod 755 "$state"  # PostgreSQL runs as another user
export WORLDSHARE_STATE=$state
farm=
agent=

say() { printf '== %s\n' "$*"; }
die() {
  printf 'install_test: %s\n' "$*" >&2
  tail -n 20 "$state"/*.log >&2 || true
  exit 1
}

# In a mount namespace whose root this is: user namespaces, which the sandbox needs, are not to be had in a mere chroot.
# shellcheck disable=SC2016  # the inner shell expands them
inside() {
  unshare --mount --pid --fork --kill-child -- bash -c '
    set -e
    root=$1; shift
    mount --make-rprivate /
    mount --bind "$root" "$root"
    cd "$root"
    mount --rbind /dev dev
    mount -t proc proc proc
    mount -t tmpfs tmpfs tmp
    mkdir -p .before
    pivot_root . .before
    umount -l /.before
    exec "$@"' inside "$root" "$@"
}

cleanup() {
  [[ -z $agent ]] || kill "$agent" 2>/dev/null || true
  [[ -z $farm ]] || { kill "$farm" 2>/dev/null && wait "$farm" 2>/dev/null; } || true
  inside dpkg --purge worldshare-agent >/dev/null 2>&1 || true
  rm -rf "$state" "$root/worldshare-agent.deb"
}
trap cleanup EXIT

if [[ ! -x $root/usr/bin/blender ]]; then
  say "a Debian 12 root in $root"
  [[ -d $root/etc ]] || debootstrap --variant=minbase bookworm "$root" "$mirror"
  chroot "$root" sh -c 'apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q blender bubblewrap adduser'
fi
cp "$deb" "$root/worldshare-agent.deb"
if ! chroot "$root" dpkg -s libnats3.4 >/dev/null 2>&1; then
  say "what the package depends on, which dpkg -i does not fetch"
  chroot "$root" sh -c 'apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q /worldshare-agent.deb &&
    dpkg --purge worldshare-agent'
fi

say "a farm without agents"
"$programs/worldshare" up --agents 0 >"$state/farm.log" 2>&1 &
farm=$!
for _ in $(seq 300); do
  "$programs/worldshare" nodes >/dev/null 2>&1 && break
  sleep 0.2
done
"$programs/worldshare" nodes >/dev/null || die "the farm did not start"
blender -b --factory-startup --python-exit-code 3 -P demo/make_scene.py -- "$state/scene.blend" --width 160 --height 90 \
  --samples 4 --frames 1 >"$state/scene.log" 2>&1 || die "no scene"
token=$("$programs/worldshare" node token --owner stranger 2>"$state/token.log") || die "no token"
job=$("$programs/worldshare" submit "$state/scene.blend" --frames 1-1 --replicas 1 2>"$state/submit.log") || die "no job"

say "the package, the enrolment, the agent"
begin=$(date +%s.%N)
inside dpkg -i /worldshare-agent.deb >"$state/dpkg.log" 2>&1 || die "dpkg -i failed"
inside worldshare-agent enroll --server "$(cat "$state/up/url")" --token "$token" >"$state/enroll.log" 2>&1 ||
  die "the enrolment failed"
inside setpriv --reuid worldshare-agent --regid worldshare-agent --init-groups worldshare-agent >"$state/agent.log" 2>&1 &
agent=$!
until "$programs/worldshare" status "$job" --json | grep -q '"state": "completed"'; do
  kill -0 "$agent" 2>/dev/null || die "the agent ended"
  awk -v begin="$begin" -v now="$(date +%s.%N)" -v limit=$limit 'BEGIN { exit now - begin > limit }' ||
    die "no verified unit within $limit seconds"
  sleep 0.2
done
took=$(awk -v begin="$begin" -v now="$(date +%s.%N)" 'BEGIN { printf "%.1f", now - begin }')

say "what its owner sees"
[[ $(stat -c %a:%U "$root/var/lib/worldshare-agent/agent.seed" 2>/dev/null) == 600:* ]] || die "the seed lies open"
kill "$agent"
wait "$agent" 2>/dev/null || true
agent=
inside dpkg --purge worldshare-agent >"$state/purge.log" 2>&1 || die "purge failed"
for left in /var/lib/worldshare-agent /etc/worldshare /usr/bin/worldshare-agent /lib/systemd/system/worldshare-agent.service; do
  [[ ! -e $root$left ]] || die "purge leaves $left"
done
! grep -q worldshare-agent "$root/etc/passwd" || die "purge leaves its user"
say "first verified unit after $took s, and a clean purge"
