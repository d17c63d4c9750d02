"""Which devices Cycles can render with, and how it renders with one of them alone.

Takes the add-on preferences of Cycles and imports nothing of Blender, so that it can be tried without a GPU.
`get_devices_for_type` and `refresh_devices` are there from 3.0 to 5.x; `get_device_types` lists what was built in.
"""

import ctypes
import glob
import os
import re

# The quickest first: of two that find the same card the first is taken.
GPU_TYPES = ("OPTIX", "CUDA", "HIP", "ONEAPI", "METAL")
# Where Blender's own builds keep what runs on a GPU; of the others that cannot be told.
KERNELS = {
    "CUDA": ("kernel_sm_*.cubin*", "kernel_compute_*.ptx*"),
    "OPTIX": ("kernel_optix*.ptx*",),
    "HIP": ("kernel_gfx*.fatbin*",),
}
# At the end of the persistent id: "CUDA_NVIDIA GeForce RTX 3090_0000:65:00_OptiX".
PCI_ADDRESS = re.compile(r"_([0-9a-fA-F]{4}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2})(?:\.[0-9a-fA-F])?(?:_OptiX)?$")


class Missing(Exception):
    """The device that was asked for is not there."""


def built_in(preferences, context):
    """The types of GPU that this Blender was built for, in the order of GPU_TYPES."""
    offered = {item[0] for item in preferences.get_device_types(context)}
    return [device_type for device_type in GPU_TYPES if device_type in offered]


def backends(preferences, context, addon_folder):
    """Each built-in type, and whether its kernels came with Blender: None where that cannot be told."""
    out = []
    for device_type in built_in(preferences, context):
        patterns = KERNELS.get(device_type)
        files = [name for pattern in patterns or () for name in glob.glob(os.path.join(addon_folder, "lib", pattern))]
        out.append({"type": device_type, "kernels": bool(files) if patterns else None})
    return out


def pci_of(cycles_id):
    found = PCI_ADDRESS.search(cycles_id)
    return found.group(1).lower() if found else ""


def of_type(preferences, device_type):
    """(name, persistent id) of each, copied: the next question may move the entries."""
    return [(entry.name, entry.id) for entry in preferences.get_devices_for_type(device_type)
            if entry.type == device_type]


def describe(preferences, context, memory_of):
    """All devices, the CPU first. Their ids ("cuda:1") count those of one type in Cycles' own order."""
    names = [name for name, _ in of_type(preferences, "CPU")]
    out = [{"id": "cpu", "type": "CPU", "cycles_id": "CPU", "name": names[0] if names else "CPU", "pci": "",
            "memory_bytes": 0}]
    for device_type in built_in(preferences, context):
        for number, (name, cycles_id) in enumerate(of_type(preferences, device_type)):
            pci = pci_of(cycles_id)
            out.append({"id": "%s:%d" % (device_type.lower(), number), "type": device_type, "cycles_id": cycles_id,
                        "name": name, "pci": pci, "memory_bytes": memory_of(device_type, pci)})
    return out


def use(preferences, scenes, device_type, cycles_id):
    """From now on Cycles renders the scenes with this device and no other. Missing: it is not there."""
    on_gpu = device_type != "CPU"
    try:
        preferences.compute_device_type = device_type if on_gpu else "NONE"
    except TypeError:
        raise Missing("This Blender was built without %s." % device_type) from None
    if on_gpu:
        preferences.refresh_devices()
    for entry in preferences.devices:
        entry.use = on_gpu and entry.type == device_type and entry.id == cycles_id
    if on_gpu and not any(entry.use for entry in preferences.devices):
        found = ", ".join(entry.id for entry in preferences.devices if entry.type == device_type)
        raise Missing("Cycles does not find %s; of its type it finds %s." % (cycles_id, found or "none"))
    for scene in scenes:
        scene.cycles.device = "GPU" if on_gpu else "CPU"


def memory_of(device_type, pci):
    """Bytes of an NVIDIA card as its driver tells; 0 where nobody does. Cycles itself does not."""
    if device_type not in ("CUDA", "OPTIX") or not pci:
        return 0
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    device, size = ctypes.c_int(), ctypes.c_size_t()
    failed = (driver.cuInit(0) or driver.cuDeviceGetByPCIBusId(ctypes.byref(device), pci.encode())
              or driver.cuDeviceTotalMem_v2(ctypes.byref(size), device))
    return 0 if failed else size.value
