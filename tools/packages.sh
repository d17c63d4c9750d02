# Sourced by ./dev: which Debian packages each command needs, and how the missing ones are installed.
# shellcheck shell=bash disable=SC2034

build_packages=(
  g++ cmake ninja-build ccache pkg-config libnats-dev flatbuffers-compiler libflatbuffers-dev
  libopencv-core-dev libopencv-imgproc-dev libopencv-imgcodecs-dev libpq-dev libyaml-cpp-dev libspdlog-dev libssl-dev
  libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev libcli11-dev libzstd-dev zlib1g-dev
  libdeflate-dev libseccomp-dev libsodium-dev libopenexr-dev libjpeg62-turbo-dev
)
run_packages=(nats-server postgresql-15 blender bubblewrap openssl)
test_packages=(lld libgtest-dev libgmock-dev nodejs npm python3 clang-19 libclang-rt-19-dev chromium xvfb libgl1-mesa-dri faketime iproute2 iptables)
compat_packages=(debootstrap)
# What reads the files of deploy/ (a parser of compose.yaml, promtool), and what the drills and the chaos suite use.
deploy_packages=(docker-compose prometheus python3-yaml rsync iproute2 iptables)
# For building the images without docker and podman, and for tests/deploy/images_test.py.
image_packages=(buildah debootstrap bubblewrap iproute2 docker-compose python3-yaml blender nodejs npm)
package_packages=(dpkg-dev lintian)
dashboard_packages=(nodejs npm)
# numpy is for Blender's importers of glTF and FBX, which the cohort's foreign scenes go through.
bench_packages=(wrk python3-numpy)
check_packages=(clang-19 clang-format-19 clang-tidy-19 shellcheck python3)

as_root() {
  if [[ $(id -u) -eq 0 ]]; then
    run "$@"
  elif command -v sudo >/dev/null; then
    run sudo "$@"
  else
    die "root is needed for: $*  (run it as root, or install sudo)"
  fi
}

# A program that is there already, from wherever, is not installed a second time (npm, blender).
missing_packages() {
  local package
  for package in "$@"; do
    command -v "$package" >/dev/null || [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || printf '%s\n' "$package"
  done
}

# The project starts its own brokers and databases, so a system service that a package would bring is not wanted:
# PostgreSQL is told to create no cluster; nats-server and prometheus are masked while they are installed and left disabled.
# Machines that had these packages before are not touched.
quiet_services() {
  local when=$1 drop_in=/etc/postgresql-common/createcluster.d/worldshare.conf
  shift
  if [[ " $* " == *" postgresql-15 "* ]]; then
    if [[ $when == before ]]; then
      as_root install -d /etc/postgresql-common/createcluster.d
      as_root sh -c "echo 'create_main_cluster = false' > $drop_in"
    else
      as_root rm -f "$drop_in"
    fi
  fi
  local service
  for service in nats-server prometheus; do
    [[ " $* " == *" $service "* ]] || continue
    command -v systemctl >/dev/null || return 0
    if [[ $when == after ]]; then
      as_root systemctl disable "$service.service"
    fi
    if [[ -d /run/systemd/system ]]; then
      as_root systemctl "$([[ $when == before ]] && echo mask || echo unmask)" --runtime "$service.service"
    fi
  done
}

# need build run ...: installs what is missing of these groups, and nothing when nothing is.
need() {
  local group wanted=() missing=()
  for group in "$@"; do
    local -n members="${group}_packages"
    wanted+=("${members[@]}")
  done
  mapfile -t missing < <(missing_packages "${wanted[@]}" | sort -u)
  [[ ${#missing[@]} -gt 0 ]] || return 0
  command -v apt-get >/dev/null || die "these Debian 12 packages are needed: ${missing[*]}"
  say "installing ${#missing[@]} Debian packages for: $*"
  as_root apt-get update -q
  quiet_services before "${missing[@]}"
  local status=0
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" || status=$?
  quiet_services after "${missing[@]}"
  [[ $status -eq 0 ]] || die "apt-get could not install the packages; its message is above"
}
