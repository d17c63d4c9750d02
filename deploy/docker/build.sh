#!/usr/bin/env bash
# Builds the images of the commit that is checked out, with docker, podman or buildah.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

images=(dispatcher verifier agent tools)

usage() {
  cat <<'TEXT'
usage: deploy/docker/build.sh [OPTIONS] [IMAGE..] [-- ENGINE'S OPTIONS]

Images: dispatcher, verifier, agent, tools (all of these without arguments), verifier-cuda.
  --engine NAME     docker, podman or buildah (default: the first that is here)
  --base IMAGE      the Debian to build on (default: debian:bookworm-slim)
  --programs FOLDER take the programs from there instead of compiling them; they must be of this Debian
  --cuda IMAGE      where CUDA's compiler is taken from, for verifier-cuda
  --repository R    the images are named R/worldshare-NAME (default: localhost)

Behind a proxy with a certificate of its own (podman, buildah), for npm:
  -- --volume FILE:/run/proxy.crt:ro --build-arg NODE_EXTRA_CA_CERTS=/run/proxy.crt
The tag is VERSION-COMMIT and says all that went in: what is built is the commit, not what lies about in the working tree.
TEXT
}

die() {
  printf 'build.sh: %s\n' "$*" >&2
  exit 2
}

run() {
  { printf '+'; printf ' %q' "$@"; printf '\n'; } >&2
  "$@"
}

engine="" base="" cuda="" programs="" repository=localhost chosen=() more=()
while [[ $# -gt 0 ]]; do
  case $1 in
    --engine | --base | --programs | --cuda | --repository)
      [[ $# -ge 2 ]] || die "$1 needs a value"
      printf -v "${1#--}" '%s' "$2"
      shift 2
      ;;
    -h | --help) usage; exit 0 ;;
    --)
      more=("${@:2}")
      break
      ;;
    -*) usage >&2; die "unknown option '$1'" ;;
    *)
      [[ " ${images[*]} verifier-cuda " == *" $1 "* ]] || die "no image '$1'; there are: ${images[*]} verifier-cuda"
      chosen+=("$1")
      shift
      ;;
  esac
done
[[ ${#chosen[@]} -gt 0 ]] || chosen=("${images[@]}")
if [[ -z $engine ]]; then
  for engine in docker podman buildah none; do
    ! command -v "$engine" >/dev/null || break
  done
fi
command -v "$engine" >/dev/null || die "docker, podman or buildah is needed (Debian: apt-get install buildah)"

version=$(sed -n 's/^project(worldshare VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
revision=$(git rev-parse HEAD)
tag=$version-${revision:0:12}
export SOURCE_DATE_EPOCH
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)

context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
git archive HEAD | tar -x -C "$context"
# buildah 1.28 takes a label from its cache whatever the arguments in it are now.
# shellcheck disable=SC2016
sed -i 's|${VERSION}|'"$tag"'|; s|${REVISION}|'"$revision"'|' "$context/deploy/docker/Dockerfile"

case $engine in
  docker)
    build=(docker buildx build --load)
    # Debian's docker.io has no buildx, but the same builder within.
    docker buildx version >/dev/null 2>&1 || build=(env DOCKER_BUILDKIT=1 docker build)
    ;;
  podman) build=(podman build --format docker --layers --timestamp "$SOURCE_DATE_EPOCH") ;;
  # chroot needs no namespaces of its own, so it also works inside a container.
  buildah) build=(buildah bud --isolation "${BUILDAH_ISOLATION:-chroot}" --format docker --layers --timestamp "$SOURCE_DATE_EPOCH") ;;
  *) die "unknown engine '$engine'" ;;
esac
build+=("${more[@]}")
engine_build=("${build[@]}")
build+=(--file deploy/docker/Dockerfile --build-arg "VERSION=$tag" --build-arg "REVISION=$revision")
[[ -z $base ]] || build+=(--build-arg "DEBIAN=$base")
[[ -z $cuda ]] || build+=(--build-arg "CUDA=$cuda")

if [[ -n $programs ]]; then
  mkdir "$context/programs"
  strip --strip-unneeded -o "$context/programs/worldshare" "$programs/worldshare"
  for program in dispatcher verifier agent; do
    strip --strip-unneeded -o "$context/programs/worldshare-$program" "$programs/worldshare-$program"
  done
  printf 'FROM scratch\nCOPY . /source/build/release/bin/\n' >"$context/programs.Dockerfile"
  run "${engine_build[@]}" --file "$context/programs.Dockerfile" --tag "$repository/worldshare-programs:$tag" "$context/programs"
  sed -i "s|^FROM build AS programs\$|FROM $repository/worldshare-programs:$tag AS programs|" "$context/deploy/docker/Dockerfile"
fi

for image in "${chosen[@]}"; do
  name=$repository/worldshare-$image
  (cd "$context" && run "${build[@]}" --target "$image" --tag "$name:$tag" .)
  run "$engine" tag "$name:$tag" "$name:latest"
done
printf '%s\n' "$tag"
