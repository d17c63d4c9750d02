"""Everything that needs no Blender: rules, manifest, HTTP, packing, following. Plain Python 3.10, standard library only."""
