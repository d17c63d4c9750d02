#!/usr/bin/env bash
# Can this machine render without a display? Six categories, each tried and not only looked for:
#   gpu, opengl_egl, blender_headless, unity_headless (deferred), concurrent, memory
# It needs itself alone and a Blender: copy it to a machine and run it. docs/operations.md tells how to read it.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: validate-economy-offline-headless.sh [OPTIONS]

  --blender PROGRAM   the Blender to try (default: blender)
  --json FILE         write the findings there as JSON; - is standard output (then the table goes to standard error)
  --only NAMES        these categories, separated by commas, and no others
  --require NAMES     categories or checks (gpu, blender_headless.cycles_gpu) that must pass: a SKIP of them is a failure
  --frames N          frames that the leak check renders after its warm-up (default: 12)
  --keep FOLDER       keep pictures and logs there

PASS: tried and found good. FAIL: tried and found bad, or software is missing that it takes.
SKIP: the device is not there, or the category is deferred; the reason is told.
Exit code: 0 nothing failed, 1 something failed or a required check did not pass, 2 wrong arguments.
TEXT
}

die() {
  printf 'validate-economy-offline-headless: %s\n' "$*" >&2
  exit 2
}

readonly categories=(gpu opengl_egl blender_headless unity_headless concurrent memory)
readonly renders_at_once=3
readonly picture=64x36
readonly gpu_slack_mib=64     # what a driver may keep of a process for a moment
readonly rss_slack_mib=16     # allocators keep some pages of the first frames
readonly step_limit=300       # seconds that any one attempt may take

blender=blender
json=
only=
require=
frames=12
keep=
while [[ $# -gt 0 ]]; do
  case $1 in
    --blender | --json | --only | --require | --frames | --keep)
      [[ $# -ge 2 ]] || die "$1 needs a value"
      printf -v "${1#--}" '%s' "$2"
      shift 2
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      usage >&2
      die "unknown argument '$1'"
      ;;
  esac
done
[[ $frames =~ ^[1-9][0-9]{0,3}$ ]] || die "--frames: a number from 1 to 9999, not '$frames'"
for name in ${only//,/ } ${require//,/ }; do
  [[ " ${categories[*]} " == *" ${name%%.*} "* ]] || die "no category '${name%%.*}'; there are: ${categories[*]}"
done

work=$(mktemp -d)
clean_up() {
  if [[ -n $keep ]]; then
    mkdir -p "$keep" && cp -r "$work"/. "$keep"/
  fi
  rm -rf "$work"
}
trap clean_up EXIT

# What a display would offer must not help.
unset DISPLAY WAYLAND_DISPLAY XAUTHORITY XDG_SESSION_TYPE

names=()   # category.check
results=()
details=()
seconds=()
started=$EPOCHREALTIME

begin() { started=$EPOCHREALTIME; }

# record CATEGORY.CHECK RESULT DETAIL: the time since begin is the check's.
record() {
  names+=("$1")
  results+=("$2")
  details+=("${3//$'\n'/; }")
  seconds+=("$(awk -v a="$started" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')")
  begin
}

result_of() {
  local i
  for i in "${!names[@]}"; do
    [[ ${names[i]} != "$1" ]] || { printf '%s' "${results[i]}"; return; }
  done
  printf 'none'
}

# The last words of a program that failed.
last_words() { grep -v '^[[:space:]]*$' "$1" | tail -n 3 | cut -c1-300; }

# ---------------------------------------------------------------- programs that the checks run
cat >"$work/cuda_probe.py" <<'PYTHON'
"""The driver through libcuda, as Blender and the verifier use it: devices, or the free memory before and after use."""
import ctypes
import sys

cuda = ctypes.CDLL("libcuda.so.1")


def call(name, *arguments):
    code = getattr(cuda, name)(*arguments)
    if code:
        text = ctypes.c_char_p()
        cuda.cuGetErrorString(code, ctypes.byref(text))
        sys.exit(f"{name}: {(text.value or b'error').decode()} ({code})")


def in_context(device, work):
    context = ctypes.c_void_p()
    call("cuCtxCreate_v2", ctypes.byref(context), 0, device)
    try:
        return work()
    finally:
        call("cuCtxDestroy_v2", context)


def free_mib():
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
    return free.value >> 20


def use_and_free():
    for _ in range(32):
        block = ctypes.c_uint64()
        call("cuMemAlloc_v2", ctypes.byref(block), ctypes.c_size_t(256 << 20))
        call("cuMemsetD8_v2", block, ctypes.c_ubyte(1), ctypes.c_size_t(256 << 20))
        call("cuCtxSynchronize")
        call("cuMemFree_v2", block)


call("cuInit", 0)
count, version = ctypes.c_int(), ctypes.c_int()
call("cuDeviceGetCount", ctypes.byref(count))
call("cuDriverGetVersion", ctypes.byref(version))
if count.value == 0:
    sys.exit("libcuda finds no device")
what = sys.argv[-1]
if what == "devices":
    print(f"{count.value} device(s), CUDA {version.value // 1000}.{version.value % 1000 // 10}")
elif what == "free":
    print(in_context(0, free_mib))
elif what == "cycle":
    before = in_context(0, free_mib)
    for _ in range(8):
        in_context(0, use_and_free)
    print(before - in_context(0, free_mib))
PYTHON

cat >"$work/egl_probe.py" <<'PYTHON'
"""An OpenGL context without a display: clears a surface to a colour, reads it back, tells who drew. One line a platform."""
import ctypes
import sys

try:
    egl = ctypes.CDLL("libEGL.so.1")
except OSError:
    sys.exit("libEGL.so.1 is missing (Debian: libegl1 with libegl-mesa0; in a container NVIDIA_DRIVER_CAPABILITIES=all)")
egl.eglGetProcAddress.restype = ctypes.c_void_p
for name in ("eglGetPlatformDisplay", "eglCreatePbufferSurface", "eglCreateContext", "eglGetDisplay"):
    getattr(egl, name).restype = ctypes.c_void_p
egl.eglQueryString.restype = ctypes.c_char_p
VENDOR, EXTENSIONS, DEVICE, SURFACELESS, OPENGL = 0x3053, 0x3055, 0x313F, 0x31DD, 0x30A2


def attributes(*values):
    return (ctypes.c_int32 * (len(values) + 1))(*values, 0x3038)


def function(name, restype, *argtypes):
    address = egl.eglGetProcAddress(name.encode())
    return ctypes.CFUNCTYPE(restype, *argtypes)(address) if address else None


def displays():
    """(name, display) of each device that EGL lists, and of Mesa's surfaceless platform."""
    query = function("eglQueryDevicesEXT", ctypes.c_uint, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
    devices, count = (ctypes.c_void_p * 64)(), ctypes.c_int()
    if query and query(64, devices, ctypes.byref(count)):
        for index in range(count.value):
            yield f"device {index}", egl.eglGetPlatformDisplay(DEVICE, ctypes.c_void_p(devices[index]), None)
    yield "surfaceless", egl.eglGetPlatformDisplay(SURFACELESS, None, None)


def draw(display):
    display = ctypes.c_void_p(display)
    if not display.value or not egl.eglInitialize(display, None, None):
        return None
    config, count = ctypes.c_void_p(), ctypes.c_int()
    wanted = attributes(0x3033, 1, 0x3040, 8, 0x3024, 8, 0x3023, 8, 0x3022, 8)  # pbuffer, OpenGL, 8 bits each
    if not egl.eglChooseConfig(display, wanted, ctypes.byref(config), 1, ctypes.byref(count)) or not count.value:
        return None
    surface = ctypes.c_void_p(egl.eglCreatePbufferSurface(display, config, attributes(0x3057, 16, 0x3056, 16)))
    egl.eglBindAPI(OPENGL)
    context = ctypes.c_void_p(egl.eglCreateContext(display, config, None, attributes()))
    if not context.value or not egl.eglMakeCurrent(display, surface, surface, context):
        return None
    clear_color = function("glClearColor", None, *[ctypes.c_float] * 4)
    clear = function("glClear", None, ctypes.c_uint)
    read = function("glReadPixels", None, *[ctypes.c_int] * 4, ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p)
    text = function("glGetString", ctypes.c_char_p, ctypes.c_uint)
    clear_color(1.0, 0.2, 0.6, 1.0)
    clear(0x4000)
    pixel = (ctypes.c_ubyte * 4)()
    read(8, 8, 1, 1, 0x1908, 0x1401, pixel)
    if any(abs(a - b) > 1 for a, b in zip(pixel, (255, 51, 153, 255))):
        return None
    who = " / ".join((text(number) or b"?").decode() for number in (0x1F00, 0x1F01, 0x1F02))
    egl.eglTerminate(display)
    return who


found = [(name, who) for name, who in ((name, draw(display)) for name, display in displays()) if who]
if not found:
    sys.exit("EGL gives no context that draws: no driver (Debian: libgl1-mesa-dri), or no right to /dev/dri")
for name, who in found:
    print(f"{name}: {who}")
PYTHON

cat >"$work/render_probe.py" <<'PYTHON'
"""Inside Blender: render_probe.py MODE ENGINE DEVICE FOLDER NUMBER [OF]. Prints one line WS RESULT VALUE.

frame: one frame, its file looked at. gang: the same, but only once OF of them are ready, so that they overlap for certain.
leak: NUMBER frames after a warm-up in this one process; VALUE is by how many MiB it grew."""
import array
import hashlib
import os
import pathlib
import sys
import time

import bpy

mode, engine, device, folder, number, of = (sys.argv[sys.argv.index("--") + 1:] + ["1"])[:6]
folder, number, of = pathlib.Path(folder), int(number), int(of)
WARM_UP, WIDTH, HEIGHT = 4, *map(int, os.environ["WS_PICTURE"].split("x"))


def say(result, value):
    print(f"WS {result} {value}", flush=True)
    if result != "PASS":
        sys.exit(0)


def gpu_of_cycles(scene):
    preferences = bpy.context.preferences.addons["cycles"].preferences
    offered = [item.identifier for item in type(preferences).bl_rna.properties["compute_device_type"].enum_items] \
        if "compute_device_type" in type(preferences).bl_rna.properties else []
    try:
        offered = offered or [item[0] for item in preferences.get_device_types(bpy.context)]
    except AttributeError:
        pass
    kinds = [kind for kind in ("OPTIX", "CUDA") if kind in offered]
    if not kinds:
        say("SKIP", f"Blender {bpy.app.version_string} was built without CUDA and OptiX")
    for kind in kinds:
        preferences.compute_device_type = kind
        preferences.get_devices()
        devices = [item for item in preferences.devices if item.type == kind]
        if devices:
            for item in preferences.devices:
                item.use = item.type == kind
            scene.cycles.device = "GPU"
            return f"{kind} on {devices[0].name}"
    say("FAIL", f"Blender {bpy.app.version_string} has {' and '.join(kinds)}, but finds no device")


def prepare():
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    scene = bpy.context.scene
    scene.render.engine = engine
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = WIDTH, HEIGHT, 100
    scene.render.image_settings.file_format = "PNG"
    scene.render.dither_intensity = 0
    where = "software or GPU OpenGL"
    if engine == "CYCLES":
        scene.cycles.samples = 16
        scene.cycles.use_denoising = False
        where = gpu_of_cycles(scene) if device == "GPU" else "CPU"
    return scene, where


def render(scene, path):
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)


def look_at(path):
    """The digest of the pixels, once the picture has the size that was asked for and shows something."""
    if not path.exists():
        say("FAIL", "Blender wrote no picture")
    image = bpy.data.images.load(str(path))
    if tuple(image.size) != (WIDTH, HEIGHT):
        say("FAIL", f"the picture has {image.size[0]}x{image.size[1]} pixels")
    pixels = array.array("f", bytes(4 * WIDTH * HEIGHT * 4))
    image.pixels.foreach_get(pixels)
    colours = [value for index, value in enumerate(pixels) if index % 4 != 3]
    if max(colours) - min(colours) < 0.05:
        say("FAIL", "the picture shows nothing: all of it has one colour")
    return hashlib.sha256(pixels.tobytes()).hexdigest()[:16]


def wait_for_the_others():
    (folder / f"ready-{number}").touch()
    deadline = time.monotonic() + 30
    while len(list(folder.glob("ready-*"))) < of:
        if time.monotonic() > deadline:
            say("FAIL", "the other Blenders did not come up: they do not run at the same time")
        time.sleep(0.02)


def resident_mib():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) / 1024


scene, where = prepare()
if mode == "leak":
    sizes = []
    for frame in range(WARM_UP + number):
        render(scene, folder / "leak.png")
        sizes.append(resident_mib())
    say("PASS", f"{sizes[-1] - sizes[WARM_UP - 1]:.1f} {sizes[WARM_UP - 1]:.0f}")
else:
    if mode == "gang":
        wait_for_the_others()
    path = folder / f"{mode}-{engine}-{device}-{number}.png"
    begun = time.monotonic()
    render(scene, path)
    say("PASS", f"{look_at(path)} {begun:.3f} {time.monotonic():.3f} Blender {bpy.app.version_string}, {where}")
PYTHON

# Python 3 of the system, or else the one in Blender.
run_python() {
  local program=$1
  shift
  if command -v python3 >/dev/null; then
    timeout "$step_limit" python3 "$program" "$@"
  elif command -v "$blender" >/dev/null; then
    timeout "$step_limit" "$blender" -b --factory-startup -noaudio --python-exit-code 1 -P "$program" -- "$@" | grep -v '^Blender '
  else
    printf 'neither python3 nor a Blender is here\n' >&2
    return 1
  fi
}

# in_blender LOG [-t THREADS] -- ARGUMENTS OF render_probe.py: prints what it said after WS, or FAIL and why.
in_blender() {
  local log=$1 status=0 options=()
  shift
  while [[ $1 != -- ]]; do
    options+=("$1")
    shift
  done
  shift
  if ! command -v "$blender" >/dev/null; then
    printf 'FAIL the Blender "%s" is missing; give one with --blender' "$blender"
    return
  fi
  WS_PICTURE=$picture timeout "$step_limit" "$blender" -b --factory-startup -noaudio "${options[@]}" --python-exit-code 1 \
    -P "$work/render_probe.py" -- "$@" >"$log" 2>&1 || status=$?
  if [[ $status -eq 124 ]]; then
    printf 'FAIL no end within %d s' "$step_limit"
  elif [[ $status -ne 0 ]] || ! grep -q '^WS ' "$log"; then
    if grep -q 'unsupported CUDA architecture' "$log"; then
      printf "SKIP this Blender's Cycles has no kernels for this GPU's architecture; a newer Blender is needed, or one built for it"
    else
      printf 'FAIL Blender ended with %d: %s' "$status" "$(last_words "$log")"
    fi
  else
    grep '^WS ' "$log" | tail -n 1 | cut -c4-
  fi
}

# record_picture CATEGORY.CHECK WORDS: of a frame that in_blender rendered.
record_picture() {
  local result digest from to where
  read -r result digest from to where <<<"$2"
  if [[ $result == PASS ]]; then
    record "$1" PASS "$(awk -v a="$from" -v b="$to" 'BEGIN { printf "%.2f s", b - a }'), pixels $digest, $where"
  else
    record "$1" "$result" "${2#* }"
  fi
}

# ---------------------------------------------------------------- the categories
has_nvidia_node() { compgen -G '/dev/nvidia[0-9]*' >/dev/null; }

has_nvidia_on_pci() {
  local device
  for device in /sys/bus/pci/devices/*; do
    [[ -r $device/vendor && $(<"$device/vendor") == 0x10de && $(<"$device/class") == 0x03* ]] && return 0
  done
  return 1
}

no_gpu='no NVIDIA device is here'

check_gpu() {
  local listed cuda status=0 module
  begin
  if ! has_nvidia_node; then
    if has_nvidia_on_pci; then
      record gpu.device FAIL "an NVIDIA device is on the PCI bus, but there is no /dev/nvidia0: its driver is not loaded, or the container was not given the device"
    else
      record gpu.device SKIP "$no_gpu: no /dev/nvidia0, none on the PCI bus"
    fi
    record gpu.driver SKIP "$no_gpu"
    return
  fi
  if ! command -v nvidia-smi >/dev/null; then
    record gpu.device FAIL "/dev/nvidia0 is here, nvidia-smi is not (in a container: NVIDIA_DRIVER_CAPABILITIES needs utility)"
  elif listed=$(timeout 60 nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>&1); then
    record gpu.device PASS "$listed"
  else
    record gpu.device FAIL "nvidia-smi: $listed"
  fi
  # The driver's halves: the kernel's module, and the libraries of this file system.
  cuda=$(run_python "$work/cuda_probe.py" devices 2>&1) || status=$?
  module=$(sed -n 's/^NVRM version:.*Module  *\([0-9.]*\).*/\1/p' /proc/driver/nvidia/version 2>/dev/null || true)
  if [[ $status -ne 0 ]]; then
    record gpu.driver FAIL "$(tail -n 1 <<<"$cuda")"
  elif [[ -n $module && -n ${listed:-} && $listed != *"$module"* ]]; then
    record gpu.driver FAIL "the kernel's module is $module, the libraries are of another version: $listed"
  else
    record gpu.driver PASS "$cuda${module:+, module $module}"
  fi
}

check_opengl_egl() {
  local drew status=0 said
  begin
  drew=$(run_python "$work/egl_probe.py" 2>&1) || status=$?
  if [[ $status -eq 0 ]]; then
    record opengl_egl.context PASS "$drew"
  else
    record opengl_egl.context FAIL "$(tail -n 1 <<<"$drew")"
  fi
  if ! has_nvidia_node; then
    record opengl_egl.gpu SKIP "$no_gpu"
  elif [[ $status -eq 0 ]] && grep -q NVIDIA <<<"$drew"; then
    record opengl_egl.gpu PASS "$(grep NVIDIA <<<"$drew" | head -n 1)"
  elif ldconfig -p 2>/dev/null | grep -q 'libEGL_nvidia\.so'; then
    record opengl_egl.gpu FAIL "the driver's EGL library is here and gives no context that draws"
  else
    record opengl_egl.gpu SKIP "the driver's graphics libraries are not in this file system (a container without the capability graphics); Cycles and the verifier do not need them"
  fi
  said=$(in_blender "$work/workbench.log" -- frame BLENDER_WORKBENCH CPU "$work" 1)
  record_picture opengl_egl.blender "$said"
}

check_blender_headless() {
  local said
  begin
  said=$(in_blender "$work/cycles-cpu.log" -- frame CYCLES CPU "$work" 1)
  record_picture blender_headless.cycles_cpu "$said"
  if has_nvidia_node; then
    said=$(in_blender "$work/cycles-gpu.log" -- frame CYCLES GPU "$work" 1)
    record_picture blender_headless.cycles_gpu "$said"
  else
    record blender_headless.cycles_gpu SKIP "$no_gpu"
  fi
}

check_unity_headless() {
  begin
  record unity_headless.render SKIP "deferred: there is no Unity agent yet"
}

# gang DEVICE: three Blenders at once; all must draw what one alone draws.
gang() {
  local device=$1 folder=$work/gang-$1 alone said number digests='' begun=0 ended=0 pids=()
  mkdir -p "$folder"
  alone=$(in_blender "$folder/alone.log" -t 1 -- frame CYCLES "$device" "$folder" 0)
  if [[ $alone != PASS* ]]; then
    printf '%s' "$alone"
    return
  fi
  for number in $(seq "$renders_at_once"); do
    in_blender "$folder/$number.log" -t 1 -- gang CYCLES "$device" "$folder" "$number" "$renders_at_once" >"$folder/$number.said" &
    pids+=($!)
  done
  wait "${pids[@]}" || true
  for number in $(seq "$renders_at_once"); do
    said=$(<"$folder/$number.said")
    if [[ $said != PASS* ]]; then
      printf '%s' "${said/FAIL/FAIL render $number of $renders_at_once:}"
      return
    fi
    read -r _ digest from to _ <<<"$said"
    digests+="$digest "
    begun=$(awk -v a="$begun" -v b="$from" 'BEGIN { print (b > a) ? b : a }')
    ended=$(awk -v a="$ended" -v b="$to" 'BEGIN { print (a == 0 || b < a) ? b : a }')
  done
  read -r _ digest _ <<<"$alone"
  if ! awk -v a="$begun" -v b="$ended" 'BEGIN { exit !(b > a) }'; then
    printf 'FAIL the renders did not overlap'
  elif [[ $device == CPU && -n ${digests//$digest /} ]]; then
    printf 'FAIL the pictures differ: alone %s, at once %s' "$digest" "$digests"
  else
    awk -v n="$renders_at_once" -v a="$begun" -v b="$ended" -v same="$([[ -z ${digests//$digest /} ]] && echo ', equal to the one rendered alone')" \
      'BEGIN { printf "PASS %d pictures%s; all %d rendered during %.2f s", n, same, n, b - a }'
  fi
}

check_concurrent() {
  local said
  begin
  said=$(gang CPU)
  record concurrent.cpu "${said%% *}" "${said#* }"
  if ! has_nvidia_node; then
    record concurrent.gpu SKIP "$no_gpu"
  else
    said=$(gang GPU)
    record concurrent.gpu "${said%% *}" "${said#* }"
  fi
}

check_memory() {
  local said grown base before after lost
  begin
  said=$(in_blender "$work/leak.log" -- leak CYCLES CPU "$work" "$frames")
  if [[ $said != PASS* ]]; then
    record memory.blender "${said%% *}" "${said#* }"
  else
    read -r _ grown base <<<"$said"
    said="$frames frames in one process after a warm-up: $base MiB resident grew by $grown MiB (limit $rss_slack_mib)"
    record memory.blender "$(awk -v a="$grown" -v b="$rss_slack_mib" 'BEGIN { print (a <= b) ? "PASS" : "FAIL" }')" "$said"
  fi
  if ! has_nvidia_node; then
    record memory.gpu_driver SKIP "$no_gpu"
    record memory.gpu_renders SKIP "$no_gpu"
    return
  fi
  if lost=$(run_python "$work/cuda_probe.py" cycle 2>&1); then
    record memory.gpu_driver "$([[ $lost -le $gpu_slack_mib ]] && echo PASS || echo FAIL)" "8 contexts with 32 allocations of 256 MiB each: $lost MiB did not come back (limit $gpu_slack_mib)"
  else
    record memory.gpu_driver FAIL "$(tail -n 1 <<<"$lost")"
  fi
  if ! before=$(run_python "$work/cuda_probe.py" free 2>&1); then
    record memory.gpu_renders FAIL "$(tail -n 1 <<<"$before")"
    return
  fi
  said=$(in_blender "$work/leak-gpu.log" -- leak CYCLES GPU "$work" "$frames")
  if [[ $said != PASS* ]]; then
    record memory.gpu_renders "${said%% *}" "${said#* }"
  elif after=$(run_python "$work/cuda_probe.py" free 2>&1); then
    lost=$((before - after))
    record memory.gpu_renders "$([[ $lost -le $gpu_slack_mib ]] && echo PASS || echo FAIL)" "after $frames renders on the GPU $lost MiB of it did not come back (limit $gpu_slack_mib)"
  else
    record memory.gpu_renders FAIL "$(tail -n 1 <<<"$after")"
  fi
}

# ---------------------------------------------------------------- the findings
# FAIL if any check failed, else PASS if any passed, else SKIP.
category_result() {
  local i out=none
  for i in "${!names[@]}"; do
    [[ ${names[i]%%.*} == "$1" ]] || continue
    case ${results[i]} in
      FAIL) out=FAIL ;;
      PASS) [[ $out == FAIL ]] || out=PASS ;;
      SKIP) [[ $out != none ]] || out=SKIP ;;
    esac
  done
  printf '%s' "$out"
}

print_table() {
  local category i
  printf '%-28s %-6s %7s  %s\n' 'category, check' result seconds finding
  for category in "${categories[@]}"; do
    [[ $(category_result "$category") != none ]] || continue
    printf '%-28s %s\n' "$category" "$(category_result "$category")"
    for i in "${!names[@]}"; do
      [[ ${names[i]%%.*} == "$category" ]] || continue
      printf '  %-26s %-6s %7s  %s\n' "${names[i]#*.}" "${results[i]}" "${seconds[i]}" "${details[i]}"
    done
  done
  printf '%s\n' "$verdict"
}

quoted() {
  local text=${1//\\/\\\\}
  text=${text//\"/\\\"}
  printf '"%s"' "$(tr -d '\000-\037' <<<"$text")"
}

print_json() {
  local category i first_category='' first
  printf '{"format":1,"result":%s,"host":%s,"kernel":%s,"blender":%s,"time":%s,"categories":[' "$(quoted "${verdict%%:*}")" \
    "$(quoted "$(hostname)")" "$(quoted "$(uname -r)")" "$(quoted "$blender")" "$(quoted "$(date -u +%FT%TZ)")"
  for category in "${categories[@]}"; do
    [[ $(category_result "$category") != none ]] || continue
    printf '%s{"name":%s,"result":%s,"checks":[' "$first_category" "$(quoted "$category")" "$(quoted "$(category_result "$category")")"
    first_category=,
    first=
    for i in "${!names[@]}"; do
      [[ ${names[i]%%.*} == "$category" ]] || continue
      printf '%s{"name":%s,"result":%s,"seconds":%s,"detail":%s}' "$first" "$(quoted "${names[i]#*.}")" \
        "$(quoted "${results[i]}")" "${seconds[i]}" "$(quoted "${details[i]}")"
      first=,
    done
    printf ']}'
  done
  printf ']}\n'
}

for category in "${categories[@]}"; do
  [[ -z $only || ,$only, == *",$category,"* ]] || continue
  "check_$category"
done

wrong=()
for i in "${!names[@]}"; do
  [[ ${results[i]} != FAIL ]] || wrong+=("${names[i]} failed")
done
for name in ${require//,/ }; do
  if [[ $name == *.* ]]; then found=$(result_of "$name"); else found=$(category_result "$name"); fi
  case $found in
    PASS | FAIL) ;;
    SKIP) wrong+=("$name is required and was skipped") ;;
    *) wrong+=("$name is required and was not tried") ;;
  esac
done
if [[ ${#wrong[@]} -eq 0 ]]; then
  verdict="PASS: nothing failed"
else
  verdict="FAIL: $(printf '%s; ' "${wrong[@]}" | sed 's/; $//')"
fi

if [[ $json == - ]]; then
  print_table >&2
  print_json
else
  print_table
  [[ -z $json ]] || print_json >"$json"
fi
[[ ${#wrong[@]} -eq 0 ]]
