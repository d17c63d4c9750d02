#!/usr/bin/env python3
"""Writes the LPIPS v0.1 models that the verifier reads, from the packages torchvision and lpips.

usage: export_lpips.py FOLDER

Needs `pip install torch torchvision lpips`, which fetch the weights. Prints each file's SHA-256; the verifier takes a
file only with the published one. See docs/lpips.md for where the files go and for the notices that go with them.
"""
import hashlib
import json
import pathlib
import struct
import sys

PUBLISHED = {
    "alex": "07c36d4c8463bb38c34bc3d6e74a3cfa5a8c50b3a4792eab4d5f1844fca8999d",
    "squeeze": "03c2475c509eed444714ef840b95e248f5b2bea9d18f41c59d68e3d1829b2702",
}
NOTICES = """\
LPIPS v0.1 weights, alex and squeeze

features.*: AlexNet and SqueezeNet 1.1 of torchvision, weights IMAGENET1K_V1, BSD-3-Clause
  Copyright (c) Soumith Chintala 2016. All rights reserved. https://github.com/pytorch/vision/blob/main/LICENSE
lin*: richzhang/PerceptualSimilarity v0.1, BSD-2-Clause
  Copyright (c) 2018, Richard Zhang, Phillip Isola, Alexei A. Efros, Eli Shechtman, Oliver Wang. All rights reserved.
  https://github.com/richzhang/PerceptualSimilarity/blob/master/LICENSE
The published files came by way of Image-X-Institute/lpips_torch2tf, BSD-2-Clause.
  https://github.com/Image-X-Institute/lpips_torch2tf/blob/main/LICENSE

Redistribution needs these notices and the texts of these licences beside the files.
"""


def metadata(net):
    # Part of the published files, so it is part of their hash.
    return {
        "model": f"LPIPS v0.1 {net}",
        "backbone": "torchvision IMAGENET1K_V1 (BSD-3-Clause)",
        "linear": "richzhang/PerceptualSimilarity v0.1 (BSD-2-Clause)",
        "via": "Image-X-Institute/lpips_torch2tf@4b7afc6 (BSD-2-Clause), spatial axes un-swapped",
    }


def safetensors(net, tensors):
    """The file's bytes; `tensors` are (name, shape, little-endian float32 bytes) in the file's order."""
    header = {"__metadata__": metadata(net)}
    at = 0
    for name, shape, data in tensors:
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors)


def trunk_and_linear(net):
    """The tensors of torchvision's trunk, then those of the linear layers."""
    import lpips
    import torchvision

    make = torchvision.models.alexnet if net == "alex" else torchvision.models.squeezenet1_1
    taps = 5 if net == "alex" else 7
    trunk = make(weights="IMAGENET1K_V1").features.state_dict()
    linear = lpips.LPIPS(net=net, version="0.1").state_dict()
    named = [(f"features.{name}", tensor) for name, tensor in trunk.items()]
    named += [(f"lin{i}.model.1.weight", linear[f"lin{i}.model.1.weight"]) for i in range(taps)]
    return [(name, tensor.shape, tensor.detach().numpy().astype("<f4").tobytes()) for name, tensor in named]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "NOTICES").write_text(NOTICES)
    for net, published in PUBLISHED.items():
        path = folder / f"lpips_{net}_v0.1.safetensors"
        path.write_bytes(safetensors(net, trunk_and_linear(net)))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        verdict = "as published" if digest == published else f"NOT the published {published}: the verifier refuses it"
        print(f"{digest}  {path}  {verdict}")


if __name__ == "__main__":
    main()
