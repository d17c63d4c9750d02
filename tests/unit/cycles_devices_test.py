"""How the driver finds and chooses devices, against a hand-written fake of Cycles' preferences: no GPU is needed, and
none was asked. The fake's methods do what Blender's own add-on does (cycles/properties.py, 3.4 to 5.x).

usage: cycles_devices_test.py FOLDER_OF_DEVICES_PY
"""

import os
import sys
import tempfile
import types
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv.pop(1))

import devices  # noqa: E402

CPU = ("AMD Ryzen 9 7950X", "CPU", "CPU")
CARD = "NVIDIA GeForce RTX 3090"
CUDA_0 = (CARD, "CUDA", f"CUDA_{CARD}_0000:65:00")
CUDA_1 = (CARD, "CUDA", f"CUDA_{CARD}_0000:b3:00")
OPTIX_0 = (CARD, "OPTIX", f"OPTIX_{CARD}_0000:65:00_OptiX")
HIP_0 = ("AMD Radeon RX 7900 XTX", "HIP", "HIP_AMD Radeon RX 7900 XTX_0000:03:00")
ARC = ("Intel Arc A770", "ONEAPI", "ONEAPI_Intel(R) Level-Zero_Intel(R) Arc(TM) A770 Graphics_0000:0a:00.0")


class FakePreferences:
    """FAKE of bpy.context.preferences.addons["cycles"].preferences."""

    def __init__(self, machine, built):
        self.machine, self.built = machine, built
        self.devices = []
        self._type = "NONE"

    @property
    def compute_device_type(self):
        return self._type

    @compute_device_type.setter
    def compute_device_type(self, value):
        if value not in [item[0] for item in self.get_device_types(None)]:
            raise TypeError(f'enum "{value}" not found')
        self._type = value

    def get_device_types(self, _context):
        return [("NONE", "None", "", 0)] + [(name, name, "", 1) for name in self.built]

    def _update(self, found):
        for name, kind, identifier in found:
            if not any(entry.id == identifier and entry.type == kind for entry in self.devices):
                self.devices.append(types.SimpleNamespace(name=name, type=kind, id=identifier, use=kind != "CPU"))

    def _available(self, kind):
        return [item for item in self.machine if item[1] in (kind, "CPU")] if kind in self.built else [CPU]

    def get_devices_for_type(self, kind):
        self._update(self._available(kind))
        found = [entry for entry in self.devices if entry.type == kind]
        cpus = [entry for entry in self.devices if entry.type == "CPU"]
        return found + cpus if found and kind != "CPU" else found

    def refresh_devices(self):
        for kind in ("CUDA", "OPTIX", "HIP", "METAL", "ONEAPI"):
            self._update(self._available(kind))


def scenes(count=1):
    return [types.SimpleNamespace(cycles=types.SimpleNamespace(device="GPU")) for _ in range(count)]


class Finding(unittest.TestCase):
    def describe(self, machine, built, memory=lambda kind, pci: 0):
        return devices.describe(FakePreferences([CPU, *machine], built), None, memory)

    def test_a_machine_without_gpus_has_a_cpu(self):
        found = self.describe([], ["CUDA", "HIP"])
        self.assertEqual([device["id"] for device in found], ["cpu"])
        self.assertEqual(found[0]["name"], CPU[0])

    def test_ids_count_the_devices_of_a_type_and_the_quicker_type_of_a_card_comes_first(self):
        found = self.describe([CUDA_0, CUDA_1, OPTIX_0], ["CUDA", "OPTIX"])
        self.assertEqual([device["id"] for device in found], ["cpu", "optix:0", "cuda:0", "cuda:1"])
        self.assertEqual([device["pci"] for device in found], ["", "0000:65:00", "0000:65:00", "0000:b3:00"])

    def test_what_was_not_built_in_is_not_asked_for(self):
        self.assertEqual(len(self.describe([CUDA_0, HIP_0], ["HIP"])), 2)

    def test_addresses_are_read_from_every_makers_ids(self):
        self.assertEqual(devices.pci_of(HIP_0[2]), "0000:03:00")
        self.assertEqual(devices.pci_of(ARC[2]), "0000:0a:00")
        self.assertEqual(devices.pci_of("ONEAPI_Level-Zero_Arc"), "")
        self.assertEqual(devices.pci_of("METAL_Apple M2"), "")

    def test_memory_is_asked_by_type_and_address(self):
        asked = []
        found = self.describe([CUDA_1], ["CUDA"], lambda kind, pci: asked.append((kind, pci)) or 24 << 30)
        self.assertEqual(asked, [("CUDA", "0000:b3:00")])
        self.assertEqual(found[1]["memory_bytes"], 24 << 30)

    def test_nobody_tells_the_memory_where_there_is_no_driver(self):
        self.assertEqual(devices.memory_of("HIP", "0000:03:00"), 0)
        self.assertEqual(devices.memory_of("CUDA", ""), 0)

    def test_kernels_that_came_with_blender_are_told_from_those_that_did_not(self):
        preferences = FakePreferences([CPU], ["CUDA", "OPTIX", "HIP", "ONEAPI"])
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(os.path.join(folder, "lib"))
            for name in ("kernel_sm_86.cubin.zst", "kernel_optix.ptx.zst", "readme"):
                open(os.path.join(folder, "lib", name), "w").close()
            found = {item["type"]: item["kernels"] for item in devices.backends(preferences, None, folder)}
        self.assertEqual(found, {"OPTIX": True, "CUDA": True, "HIP": False, "ONEAPI": None})


class Choosing(unittest.TestCase):
    def test_one_gpu_alone_renders_all_scenes(self):
        preferences, all_scenes = FakePreferences([CPU, CUDA_0, CUDA_1, OPTIX_0], ["CUDA", "OPTIX"]), scenes(2)
        devices.use(preferences, all_scenes, "CUDA", CUDA_1[2])
        self.assertEqual(preferences.compute_device_type, "CUDA")
        self.assertEqual([entry.id for entry in preferences.devices if entry.use], [CUDA_1[2]])
        self.assertEqual({scene.cycles.device for scene in all_scenes}, {"GPU"})

    def test_the_cpu_renders_without_any_gpu(self):
        preferences, all_scenes = FakePreferences([CPU, CUDA_0], ["CUDA"]), scenes()
        preferences.refresh_devices()
        devices.use(preferences, all_scenes, "CPU", "CPU")
        self.assertEqual(preferences.compute_device_type, "NONE")
        self.assertFalse(any(entry.use for entry in preferences.devices))
        self.assertEqual(all_scenes[0].cycles.device, "CPU")

    def test_a_gpu_that_is_gone_is_never_replaced_by_another_or_by_the_cpu(self):
        preferences, all_scenes = FakePreferences([CPU, CUDA_0], ["CUDA"]), scenes()
        with self.assertRaises(devices.Missing) as missing:
            devices.use(preferences, all_scenes, "CUDA", CUDA_1[2])
        self.assertIn(CUDA_1[2], str(missing.exception))
        self.assertIn(CUDA_0[2], str(missing.exception))
        self.assertFalse(any(entry.use for entry in preferences.devices))

    def test_a_type_that_was_not_built_in_is_told(self):
        with self.assertRaises(devices.Missing) as missing:
            devices.use(FakePreferences([CPU], ["CUDA"]), scenes(), "OPTIX", OPTIX_0[2])
        self.assertIn("built without OPTIX", str(missing.exception))


if __name__ == "__main__":
    unittest.main()
