#!/usr/bin/env python3
"""LPIPS by torch in double precision against lpips_bench, and the time of torch's own trunk.

lpips_torch.py LPIPS_BENCH MODELS; needs torch, safetensors and a CUDA device. The last line is a JSON object.
"""
import json
import struct
import subprocess
import sys
import tempfile

import torch
import torch.nn.functional as F
from safetensors.torch import load_file

DEPTHS = ["u8", "u16", "f16", "f32"]
ALEX = [("conv", 0, 4, 2), "pool", ("conv", 3, 1, 2), "pool", ("conv", 6, 1, 1), ("conv", 8, 1, 1), ("conv", 10, 1, 1)]
SQUEEZE = [("conv", 0, 2, 0), "pool", ("fire", 3, False), ("fire", 4, True), "pool", ("fire", 6, False), ("fire", 7, True),
           "pool", ("fire", 9, True), ("fire", 10, True), ("fire", 11, True), ("fire", 12, True)]


def taps(weights, net, x):
    out = []
    for step in ALEX if net == "alex" else SQUEEZE:
        if step == "pool":
            x = F.max_pool2d(x, 3, 2, ceil_mode=net == "squeeze")
        elif step[0] == "conv":
            _, i, stride, pad = step
            x = F.relu(F.conv2d(x, weights[f"features.{i}.weight"], weights[f"features.{i}.bias"], stride, pad))
            out.append(x)
        else:
            _, i, tap = step
            part = lambda y, name, pad: F.relu(F.conv2d(y, weights[f"features.{i}.{name}.weight"], weights[f"features.{i}.{name}.bias"], 1, pad))
            s = part(x, "squeeze", 0)
            x = torch.cat([part(s, "expand1x1", 0), part(s, "expand3x3", 1)], 1)
            if tap:
                out.append(x)
    return out


def scaled(y, dtype):
    shift = torch.tensor([-.030, -.088, -.188], dtype=dtype, device=y.device).view(1, 3, 1, 1)
    scale = torch.tensor([.458, .448, .450], dtype=dtype, device=y.device).view(1, 3, 1, 1)
    return (y.to(dtype) - shift) / scale


def distances(weights, net, ys, epsilon=1e-10):
    normal = []
    for y in ys:
        normal.append([f / (f.pow(2).sum(1, keepdim=True).sqrt() + epsilon) for f in taps(weights, net, scaled(y, torch.float64))])
    out = []
    for a in range(len(ys)):
        for b in range(a + 1, len(ys)):
            out.append(sum(((l - r) ** 2 * weights[f"lin{i}.model.1.weight"]).sum(1).mean().item()
                           for i, (l, r) in enumerate(zip(normal[a], normal[b]))))
    return out


def signed(picture, depth):
    x = picture.double().permute(2, 0, 1)[None, :3]
    if depth == "u8":
        return x / 127.5 - 1
    if depth == "u16":
        return x / 32767.5 - 1
    x = x.clamp(0, 1)
    return 2 * torch.where(x <= 0.0031308, 12.92 * x, 1.055 * x.pow(1 / 2.4) - 0.055) - 1


def make(width, height, depth, count, noise):
    g = torch.Generator().manual_seed(width * 7 + height)
    soft = F.interpolate(torch.rand(1, 3, 1 + height // 24, 1 + width // 24, generator=g), (height, width), mode="bicubic")
    out = []
    for _ in range(count):
        p = (soft + noise * (torch.rand(1, 3, height, width, generator=g) - 0.5)).clamp(0, 1)[0].permute(1, 2, 0)
        if depth == "u8":
            p = (p * 255).round().to(torch.uint8)
        elif depth == "u16":
            p = (p * 65535).round().to(torch.int32)
        elif depth == "f16":
            p = p.half()
        out.append(p)
    return out


def raw(pictures, depth):
    kinds = {"u8": torch.uint8, "u16": torch.uint16, "f16": torch.float16, "f32": torch.float32}
    height, width, channels = pictures[0].shape
    header = struct.pack("<5I", width, height, channels, DEPTHS.index(depth), len(pictures))
    return header + b"".join(p.to(kinds[depth]).contiguous().numpy().tobytes() for p in pictures)


def check(bench, models, net, weights):
    worst = {}
    for width, height, depth, count, noise in [
        (64, 64, "u8", 3, .3), (333, 217, "u8", 5, .1), (1001, 613, "u16", 2, .2), (640, 360, "f16", 2, .2),
        (777, 555, "f32", 3, .05), (1920, 1080, "u8", 3, .02), (1920, 1080, "u8", 2, .002), (1920, 1080, "f32", 2, .4),
        (3840, 2160, "u8", 2, .1),
    ]:
        pictures = make(width, height, depth, count, noise)
        expected = distances(weights, net, [signed(p, depth).cuda() for p in pictures])
        torch.cuda.empty_cache()
        with tempfile.NamedTemporaryFile() as file:
            file.write(raw(pictures, depth))
            file.flush()
            lines = subprocess.run([bench, models, net, file.name], check=True, capture_output=True, text=True).stdout
        for line in lines.splitlines():
            name, values = line.split(":")
            errors = [abs(float(v) - e) for v, e in zip(values.split(), expected)]
            worst[name] = max(worst.get(name, 0), max(errors))
            print(f"{net} {width}x{height} {depth} K={count} lpips {expected[0]:.6f} {name}: largest error {max(errors):.2e}")
    print(f"{net}: worst {worst}")
    return max(error for name, error in worst.items() if "cuda" in name)


def time_trunk(weights, net):
    single = {k: v.float() for k, v in weights.items()}
    for tf32 in (False, True):
        torch.backends.cudnn.allow_tf32 = tf32
        torch.backends.cudnn.benchmark = True
        for count in (1, 2, 8):
            x = torch.randn(count, 3, 1080, 1920, device="cuda")
            times = []
            for i in range(15):
                begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
                begin.record()
                taps(single, net, x)
                end.record()
                end.synchronize()
                times.append(begin.elapsed_time(end))
            times = sorted(times[4:])
            print(f"torch {net} trunk {'TF32' if tf32 else 'fp32'} {count} pictures: {times[len(times) // 2] / count:.3f} ms a picture")


def main():
    bench, models = sys.argv[1:3]
    torch.set_grad_enabled(False)
    worst = 0
    for net in ("alex", "squeeze"):
        weights = {k: v.cuda() for k, v in load_file(f"{models}/lpips_{net}_v0.1.safetensors").items()}
        time_trunk(weights, net)
        torch.backends.cudnn.benchmark = False
        worst = max(worst, check(bench, models, net, {k: v.double() for k, v in weights.items()}))
    print(json.dumps({"lpips_max_abs_error": worst}))


if __name__ == "__main__":
    main()
