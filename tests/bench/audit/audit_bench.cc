// Renders audits with the agents' own Blender, and judges them with the verifier's own library.
//   audit_bench render SCENE OUT WIDTH HEIGHT SAMPLES AUDITS TILES..
//     a frame and, for each number of tiles, so many audits of it, all by one warm Blender:
//     OUT/frame.png, OUT/audit-TILES-SEED.png; their CPU seconds as one JSON object.
//   audit_bench judge WIDTH HEIGHT SAMPLES < lines "CLAIM AUDIT TILES SEED"
//     one JSON object for each line.
//   audit_bench policy COST POWER BLIND
//     what `standard` and `strict` do where an audit costs and sees so much: one JSON object.

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "agents/blender/artifact.h"
#include "agents/blender/renderer.h"
#include "agents/scratch.h"
#include "shared/image/canonical.h"
#include "verifier/audit/audit.h"
#include "verifier/image/decode.h"
#include "verifier/policy/job_costs.h"
#include "verifier/policy/policy_file.h"
#include "verifier/policy/shipped_policies.h"

namespace {

using namespace worldshare;
constexpr std::uint64_t kLimit = 1ULL << 28;

[[noreturn]] void die(const std::string& why) {
  fmt::print(stderr, "audit_bench: {}\n", why);
  std::exit(1);
}

template <class T>
T must(Result<T> result, const std::string& what) {
  if (!result) die(what + ": " + result.error().message);
  return std::move(*result);
}

std::uint32_t number(const std::string& text) {
  std::uint32_t out = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), out);
  if (end.ptr != text.data() + text.size() || out == 0) die("not a number above 0: " + text);
  return out;
}

struct Job {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::uint32_t samples = 0;

  agent::RenderRequest request() const {
    agent::RenderRequest out;
    out.frame = 1;
    out.width = width;
    out.height = height;
    out.deadline = std::chrono::steady_clock::now() + std::chrono::hours(1);
    return out;
  }
  sharding::AuditPlan plan(std::uint32_t tiles, std::uint32_t seed) const {
    return sharding::plan_audit(seed, tiles, samples, {width, height});
  }
};

/// CPU seconds that a process and those below it have used; a busy machine does not change them.
double cpu_seconds(pid_t pid) {
  const std::filesystem::path folder = fmt::format("/proc/{}", pid);
  std::ifstream file(folder / "stat");
  std::string text(std::istreambuf_iterator<char>(file), {});
  std::istringstream fields(text.substr(std::min(text.rfind(')') + 2, text.size())));
  std::string ignored;
  for (int i = 0; i < 11; ++i) fields >> ignored;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  double out = (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  std::ifstream children(folder / "task" / std::to_string(pid) / "children");
  for (pid_t child = 0; children >> child;) out += cpu_seconds(child);
  return out;
}

class Node {
 public:
  explicit Node(std::filesystem::path scene) : scene_(std::move(scene)), renderer_(options()) {}

  /// The CPU seconds of the render; the first one's are those of loading the scene, too.
  double render(const agent::RenderRequest& request, const std::filesystem::path& out) {
    const double before = renderer_.pid() != 0 ? cpu_seconds(renderer_.pid()) : 0;
    const auto outcome = renderer_.render(scene_, request, {}, {});
    if (outcome.end != agent::RenderEnd::kDone) die(outcome.code + ": " + outcome.error);
    const Bytes bytes = must(agent::read_artifact(outcome.image, request, kLimit), "artifact");
    std::ofstream file(out, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    if (!file.flush()) die("cannot write " + out.string());
    return cpu_seconds(renderer_.pid()) - before;
  }

 private:
  agent::BlenderOptions options() const {
    agent::BlenderOptions out;
    out.scratch = scratch_.path;
    out.sandbox = must(agent::Sandbox::open({}), "sandbox");
    out.threads = 1;
    return out;
  }
  const agent::Scratch scratch_;
  const std::filesystem::path scene_;
  agent::Renderer renderer_;
};

int render(const std::vector<std::string>& words) {
  const std::filesystem::path out = words[1];
  const Job job{number(words[2]), number(words[3]), number(words[4])};
  const std::uint32_t audits = number(words[5]);
  Node node(words[0]);
  const double first = node.render(job.request(), out / "frame.png");
  std::vector<double> frames;
  std::map<std::string, std::vector<double>> seconds;
  for (std::uint32_t seed = 1; seed <= audits; ++seed) {
    for (std::size_t i = 6; i < words.size(); ++i) {
      agent::RenderRequest request = job.request();
      const auto plan = job.plan(number(words[i]), seed);
      request.audit = agent::AuditRequest{plan.tiles, plan.samples};
      const auto name = fmt::format("audit-{}-{}.png", words[i], seed);
      seconds[words[i]].push_back(node.render(request, out / name));
    }
    if (seed <= 2) frames.push_back(node.render(job.request(), out / "frame.png"));
  }
  fmt::print("{{\"load\": {}, \"frames\": {}, \"audits\": {{", first - frames.front(), frames);
  for (const auto& [tiles, all] : seconds) {
    fmt::print("{}\"{}\": {}", tiles == seconds.begin()->first ? "" : ", ", tiles, all);
  }
  fmt::print("}}}}\n");
  return 0;
}

verifier::Picture decoded(const std::string& path, const Job& job) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  const std::string bytes = text.str();
  verifier::ImageLimits limits;
  limits.width = job.width;
  limits.height = job.height;
  const Bytes canonical = must(image::canonical(as_bytes(bytes)), path);
  return must(verifier::decode(canonical, limits), path);
}

/// Which half of an audit finds the picture wrong.
std::string json_of(const verifier::AuditFigures& found) {
  verifier::AuditFigures frame = found;
  frame.wrong_tiles = 0;
  frame.differing = 0;
  verifier::AuditFigures tiles = found;
  tiles.block = tiles.window = 0;
  return fmt::format(R"({{"by_tiles": {}, "by_frame": {}, "block": {:.3f}, "window": {:.3f}}})",
                     !verifier::fault_found(tiles).empty(), !verifier::fault_found(frame).empty(),
                     found.block, found.window);
}

int judge(const std::vector<std::string>& words) {
  const Job job{number(words[0]), number(words[1]), number(words[2])};
  std::map<std::string, verifier::Picture> audits;
  std::pair<std::string, verifier::Picture> claim;
  std::string claim_path;
  std::string audit_path;
  std::uint32_t tiles = 0;
  std::uint32_t seed = 0;
  while (std::cin >> claim_path >> audit_path >> tiles >> seed) {
    if (claim.first != claim_path) claim = {claim_path, decoded(claim_path, job)};
    if (!audits.contains(audit_path)) audits[audit_path] = decoded(audit_path, job);
    const auto found =
        must(verifier::examine_audit(claim.second, audits[audit_path], job.plan(tiles, seed)),
             claim_path);
    fmt::print("{}\n", json_of(found));
  }
  return 0;
}

std::string choice(const verifier::policy::Parameters& parameters) {
  const bool halves = parameters.mode == verifier::policy::Mode::kSplit;
  const char* by = halves                          ? "audited halves"
                   : parameters.audits.maximum > 0 ? "audits"
                                                   : "replicas";
  return fmt::format(R"({{"by": "{}", "renders": {:.3f}}})", by,
                     verifier::policy::expected_renders(parameters));
}

int policy(const std::vector<std::string>& words) {
  namespace rules = verifier::policy;
  const auto shipped = must(rules::read_policies(rules::shipped_policies(), "shipped"), "policies");
  rules::JobCosts costs;
  costs.audit = std::stod(words[0]);
  costs.audit_power = std::stod(words[1]);
  costs.audit_blind = std::stod(words[2]);
  const auto chosen = [&](const char* name) {
    return choice(rules::for_job(shipped.at(name), shipped.at("replicated"), costs));
  };
  fmt::print("{{\"standard\": {}, \"strict\": {}}}\n", chosen("standard"), chosen("strict"));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  const std::string mode = words.empty() ? "" : words.front();
  if (!words.empty()) words.erase(words.begin());
  if (mode == "render" && words.size() >= 7) return render(words);
  if (mode == "judge" && words.size() == 3) return judge(words);
  if (mode == "policy" && words.size() == 3) return policy(words);
  die("usage: render SCENE OUT WIDTH HEIGHT SAMPLES AUDITS TILES.. | judge WIDTH HEIGHT SAMPLES | "
      "policy COST POWER BLIND");
}
