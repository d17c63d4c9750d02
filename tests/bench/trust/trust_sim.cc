#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <map>

#include "tests/bench/trust/baselines.h"
#include "tests/bench/trust/engine_rule.h"
#include "tests/bench/trust/simulation.h"
#include "verifier/policy/job_costs.h"
#include "verifier/policy/parameter_keys.h"
#include "verifier/policy/policy_file.h"

// One simulation: prints its figures as a JSON object on one line. See tests/bench/trust/run.

namespace {

using trust_bench::Attack;
using trust_bench::Model;
using worldshare::Errc;
using worldshare::fail;
using worldshare::Result;
namespace policy = worldshare::verifier::policy;

struct Options {
  std::string file;
  std::string rule = "standard";
  std::vector<std::string> numbers;  ///< "key=value", over the policy's own
  bool production = false;           ///< no audits, no halves, no trusted hardware
  bool no_trusted = false;           ///< audits, but no trusted hardware
  double believed_power = 0;         ///< of an audit, as measured for the job; 0: the policy's own
  double believed_blind = 0;
  Model model;
};

Result<> overrule(const std::string& text, policy::Parameters& parameters) {
  const auto at = text.find('=');
  const std::string name = text.substr(0, at);
  const auto key = std::ranges::find(policy::parameter_keys(), name, &policy::ParameterKey::name);
  if (at == std::string::npos || key == policy::parameter_keys().end()) {
    return fail(Errc::kInvalid, "--set: 'KEY=NUMBER' of a policy expected, not '" + text + "'");
  }
  key->set(parameters, std::strtod(text.c_str() + at + 1, nullptr));
  return policy::check(parameters, "--set " + text);
}

Result<std::unique_ptr<trust_bench::Rule>> make_rule(const Options& options) {
  if (auto baseline = trust_bench::make_baseline(options.rule)) return baseline;
  const auto policies = policy::load_policies(options.file);
  if (!policies) return std::unexpected(policies.error());
  const auto found = policies->find(options.rule);
  if (found == policies->end()) return fail(Errc::kInvalid, "--rule: no policy " + options.rule);
  policy::JobCosts costs{.audit = options.model.audit_cost,
                         .half = options.model.half_cost,
                         .audit_power = options.believed_power,
                         .audit_blind = options.believed_blind};
  if (options.no_trusted) costs.splittable = costs.trusted = false;
  if (options.production) costs.auditable = costs.splittable = costs.trusted = false;
  policy::Parameters parameters = policy::for_job(found->second, policies->at("replicated"), costs);
  for (const std::string& number : options.numbers) {
    if (auto ok = overrule(number, parameters); !ok) return std::unexpected(ok.error());
  }
  return std::make_unique<trust_bench::EngineRule>(parameters);
}

void add_world(CLI::App& app, Model& model) {
  static const std::map<std::string, Attack> attacks{
      {"none", Attack::kNone},    {"a1", Attack::kAlways},  {"a2", Attack::kHalf},
      {"a3", Attack::kTenth},     {"a4", Attack::kSleeper}, {"a5", Attack::kOnOff},
      {"a6", Attack::kQuorumOnly}};
  app.add_option("--attack", model.attack)->transform(CLI::CheckedTransformer(attacks));
  app.add_option("--malicious", model.malicious)->check(CLI::Range(0.0, 0.9));
  app.add_option("--cheat-share", model.cheat_share);
  app.add_option("--slots", model.slots)->check(CLI::Range(10, 10'000'000));
  app.add_option("--units", model.units)->check(CLI::Range(1, 100'000'000));
  app.add_option("--seed", model.seed);
  app.add_flag("--whitewash", model.whitewash);
  app.add_flag("--self-selection", model.self_selection);
  app.add_flag("--effort", model.effort);
  app.add_flag("--slander", model.slander);
  app.add_option("--sanity", model.sanity);
  app.add_option("--fault", model.fault);
  app.add_option("--class-sensitive", model.class_sensitive);
  app.add_option("--audit-cost", model.audit_cost);
  app.add_option("--audit-power", model.audit_power);
  app.add_option("--audit-blind", model.audit_blind);
  app.add_option("--false-alarm", model.false_alarm);
  app.add_option("--half-cost", model.half_cost);
}

int simulate(const Options& options) {
  auto rule = make_rule(options);
  if (!rule) {
    fmt::print(stderr, "trust_sim: {}\n", rule.error().message);
    return 2;
  }
  const std::clock_t begin = std::clock();
  const trust_bench::Figures figures = trust_bench::Simulation(options.model, **rule).run();
  const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  const std::string json = figures.json();
  fmt::print("{}, \"seconds\": {:.3f}}}\n", json.substr(0, json.size() - 1), seconds);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("One simulation of volunteers, cheaters and a policy");
  app.add_option("--policies", options.file, "policy.yaml")->required();
  app.add_option("--rule", options.rule, "a policy of the file, or p0, p1, p3, p4a");
  app.add_option("--set", options.numbers, "KEY=NUMBER of the policy");
  app.add_flag("--production", options.production,
               "what the verifier can carry out today: no audits, no halves, no trusted hardware");
  app.add_flag("--no-trusted", options.no_trusted, "audits, but no halves and no trusted hardware");
  app.add_option("--believed-power", options.believed_power, "what the policy is told of audits");
  app.add_option("--believed-blind", options.believed_blind);
  add_world(app, options.model);
  CLI11_PARSE(app, argc, argv);
  return simulate(options);
}
