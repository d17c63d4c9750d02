"""Everything that touches Blender: the scene's reader, operators, panels, settings, and the session that holds them together."""
