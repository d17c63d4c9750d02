#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "agents/blender/blender_worker.h"
#include "tests/support/temp_folder.h"

namespace worldshare::testing {

/// The scenes of make_scenes.py, made once in a test program and removed at its end.
const std::filesystem::path& scene_folder();

/// Runs to the end; the exit code, or -1. Output goes to `log`.
int run_program(const std::vector<std::string>& argv, const std::filesystem::path& log);

/// What a plain `blender -b SCENE -o OUT -a` writes, with one thread. Frame numbers are in the
/// names.
void render_animation(const std::filesystem::path& scene, const std::filesystem::path& out);

/// One frame of a 64x36 Cycles PNG, a generous deadline.
agent::RenderRequest request(std::int32_t frame);

/// One thread, scratch below `folder`.
agent::BlenderOptions blender_options(const TempFolder& folder);

std::string read_all(const std::filesystem::path& path);
void write_all(const std::filesystem::path& path, const std::string& bytes);

}  // namespace worldshare::testing
