"""The verifier's image half: `./dev bench metrics [--seconds S] [--models FOLDER]`.

Runs what this machine can: `worldshare-verifier --bench` (from blob to verdict, with the backend that it would choose),
the accuracy of that backend against the definitions in double precision (`accuracy_bench`, built on demand), and, where
CUDA's compiler and a GPU are, the kernels on resident pictures and LPIPS with the models in FOLDER. The ratio to OpenCV is
that of the last `./dev bench metrics_cpu`.
Baselines are figures that were measured elsewhere on the same kind of GPU and are named in docs/benchmarks.md.
"""

import argparse
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "bench", "support"))
import report  # noqa: E402

FRAME_ANALYTICS_U8_US = 93.0  # SSIM 87 us plus PSNR 6 us, frame_analytics on an H200
FRAME_ANALYTICS_F32_US = 101.0  # SSIM 87 us plus PSNR 14 us
SSIM_LIMIT = 1e-6  # the contract; the ratio says how much of it is used
LPIPS_LIMIT = 1e-4


def printed_json(command):
    """The object in the last line that a program prints; None when it is missing or says that it cannot run."""
    if not os.path.exists(command[0]):
        return None
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print("%s: %s" % (os.path.basename(command[0]), done.stderr.strip().splitlines()[-1:]), file=sys.stderr)
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def lpips_ms(program, models):
    """Milliseconds for a picture of a batch of 16 pairs at 1080p, alex; None without models, program or GPU."""
    if not models or not os.path.exists(program):
        return None
    done = subprocess.run([program, models], capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        if line.startswith("alex 1920x1080 K=2 units=16:"):
            return float(line.split(":")[1].split()[0])
    return None


def accuracy_bench(cuda_folder):
    """The program, built; beside the CUDA backend where that was built."""
    folder = cuda_folder if os.path.exists(cuda_folder) else os.path.join(ROOT, "build", "bench")
    if folder != cuda_folder:
        subprocess.run(["cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
                        "-DCMAKE_CXX_FLAGS_RELEASE=-O2 -DNDEBUG"], check=False, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", folder, "--target", "accuracy_bench"], check=False, stdout=subprocess.DEVNULL)
    return os.path.join(folder, "bin", "accuracy_bench")


def cpu_ratio():
    """What `./dev bench metrics_cpu` measured last, or now; None where Blender or OpenCV's quality module are missing."""
    path = os.path.join(ROOT, "out", "bench", "metrics_cpu.json")
    if not os.path.exists(path):
        subprocess.run([os.path.join(ROOT, "tests", "bench", "metrics_cpu", "run")], check=False)
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as file:
        return json.load(file)["metrics"]["cpu_ratio_to_opencv"]["value"]


def lpips_errors(program, models):
    """What tests/gpu/lpips_torch.py prints last; None without torch."""
    script = os.path.join(ROOT, "tests", "gpu", "lpips_torch.py")
    return printed_json([sys.executable, script, program, models])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10, help="of each run of the pipeline")
    parser.add_argument("--models", help="folder with the LPIPS models")
    parser.add_argument("--pairs", type=int, default=400, help="random pairs that the accuracy is taken of")
    parser.add_argument("--gpu-binaries", default=os.path.join(ROOT, "build", "cuda", "bin"))
    options = parser.parse_args()
    metrics = {}
    # Only the cuda preset knows GPUs; where it was not built, the release preset measures the CPU.
    verifier = os.path.join(options.gpu_binaries, "worldshare-verifier")
    if not os.path.exists(verifier):
        verifier = os.path.join(ROOT, "build", "release", "bin", "worldshare-verifier")
    pipeline = printed_json([verifier, "--bench", "--bench-seconds", str(options.seconds), "--log-level", "warn"])
    if pipeline:
        print("pipeline: %s, %d threads" % (pipeline["backend"], pipeline["threads"]))
        metrics["images_per_s_decoded"] = (pipeline["images_per_s_decoded"], "images/s", None)
        metrics["images_per_s_equal"] = (pipeline["images_per_s_equal"], "images/s", None)
        metrics["examine_ms_a_unit"] = (pipeline["examine_ms_a_unit"], "ms", None)
        metrics["compare_ms_a_unit"] = (pipeline["compare_ms_a_unit"], "ms", None)
        metrics["equal_examine_ms_a_unit"] = (pipeline["equal_examine_ms_a_unit"], "ms", None)
    kernels = printed_json([os.path.join(options.gpu_binaries, "metrics_bench")])
    if kernels:
        metrics["ssim_psnr_1080p_u8_us"] = (kernels["ssim_psnr_1080p_u8_us"], "us", FRAME_ANALYTICS_U8_US)
        metrics["ssim_psnr_1080p_f32_us"] = (kernels["ssim_psnr_1080p_f32_us"], "us", FRAME_ANALYTICS_F32_US)
        metrics["ssim_psnr_1080p_f32_log_us"] = (kernels["ssim_psnr_1080p_f32_log_us"], "us", None)
        metrics["k3_over_pair"] = (kernels["k3_over_pair"], "", None)
        metrics["k5_over_pair"] = (kernels["k5_over_pair"], "", None)
        if "ssim_max_abs_error" in kernels:
            metrics["ssim_max_abs_error"] = (kernels["ssim_max_abs_error"], "", SSIM_LIMIT)
    program = accuracy_bench(os.path.dirname(options.gpu_binaries))
    accuracy = printed_json([program, str(options.pairs), options.models or "/nowhere"])
    if accuracy:
        metrics.setdefault("ssim_max_abs_error", (accuracy["ssim_max_abs_error"], "", SSIM_LIMIT))
        if accuracy["lpips_max_abs_error"] is not None:
            metrics["lpips_max_abs_error"] = (accuracy["lpips_max_abs_error"], "", LPIPS_LIMIT)
    ratio = cpu_ratio()
    if ratio is not None:
        metrics["cpu_ratio_to_opencv"] = (ratio, "x", None)
    lpips = lpips_ms(os.path.join(options.gpu_binaries, "lpips_bench"), options.models)
    if lpips is not None:
        metrics["lpips_alex_1080p_ms"] = (lpips, "ms", None)
        checked = lpips_errors(os.path.join(options.gpu_binaries, "lpips_bench"), options.models)
        if checked:
            metrics["lpips_max_abs_error"] = (checked["lpips_max_abs_error"], "", LPIPS_LIMIT)
    if not metrics:
        sys.exit("nothing could be measured")
    report.write(ROOT, "metrics", metrics)


if __name__ == "__main__":
    main()
