"""Ten minutes of valid and hostile images with flat memory: `./dev bench soak [--seconds S] [--threads N]`.

`worldshare-verifier --soak` over the golden images and the fuzzers' seeds, with the backend that it would choose; on a
machine with an NVIDIA driver the memory that the process holds on the device is sampled beside it.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "bench", "support"))
import report  # noqa: E402

FOLDERS = ["tests/golden/blender", "tests/golden/metrics", "tests/fuzz/corpus/image", "tests/fuzz/corpus/decode"]
SAMPLES = 100
SLACK_MIB = 64


def device_mib(pid):
    """MiB that the process holds on all devices; None without a driver or while it holds none."""
    command = ["nvidia-smi", "--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    used = [line.split(",") for line in done.stdout.splitlines() if line.count(",") == 1]
    mib = [int(memory) for owner, memory in used if owner.strip() == str(pid) and memory.strip().isdigit()]
    return sum(mib) if mib else None


def watch(process, every, samples):
    stopped = threading.Event()

    def run():
        while not stopped.wait(every):
            samples.append(device_mib(process.pid))

    if shutil.which("nvidia-smi"):
        threading.Thread(target=run, daemon=True).start()
    return stopped


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--threads", type=int, default=0, help="0: one for each processor")
    parser.add_argument("--gpu-binaries", default=os.path.join(ROOT, "build", "cuda", "bin"))
    options = parser.parse_args()
    verifier = os.path.join(options.gpu_binaries, "worldshare-verifier")
    if not os.path.exists(verifier):
        verifier = os.path.join(ROOT, "build", "release", "bin", "worldshare-verifier")
    samples = []
    with tempfile.TemporaryDirectory() as files:
        for folder in FOLDERS:
            shutil.copytree(os.path.join(ROOT, folder), os.path.join(files, folder.replace("/", "_")))
        command = [verifier, "--soak", files, "--soak-seconds", str(options.seconds), "--bench-threads",
                   str(options.threads), "--log-level", "warn"]
        print("+ " + " ".join(command), flush=True)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            stopped = watch(process, options.seconds / SAMPLES, samples)
            printed = process.communicate()[0]
            stopped.set()
    found = json.loads(printed.strip().splitlines()[-1])
    metrics = {key: (value, "s" if key == "longest_s" else "", None) for key, value in found.items()}
    held = [sample for sample in samples if sample is not None]
    if held:
        metrics["device_mib_before"] = (max(held[len(held) * 2 // 5:len(held) * 3 // 5 + 1]), "MiB", None)
        metrics["device_mib_after"] = (max(held[len(held) * 4 // 5:]), "MiB", None)
    report.write(ROOT, "soak", metrics)
    if process.returncode != 0:
        sys.exit("the run failed")
    if held and metrics["device_mib_after"][0] > metrics["device_mib_before"][0] + SLACK_MIB:
        sys.exit("device memory grew")


if __name__ == "__main__":
    main()
