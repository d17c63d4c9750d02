#include "verifier/policy/parameter_keys.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <type_traits>

namespace worldshare::verifier::policy {
namespace {

/// The field that a path of member pointers leads to.
template <auto First, auto... Rest>
auto& field(auto& object) {
  if constexpr (sizeof...(Rest) == 0) {
    return object.*First;
  } else {
    return field<Rest...>(object.*First);
  }
}

template <auto... Path>
constexpr ParameterKey number(std::string_view name, double low, double high) {
  using Field = std::remove_cvref_t<decltype(field<Path...>(std::declval<Parameters&>()))>;
  return {
      name,
      low,
      high,
      std::is_integral_v<Field>,
      [](const Parameters& parameters) { return static_cast<double>(field<Path...>(parameters)); },
      [](Parameters& parameters, double value) {
        field<Path...>(parameters) = static_cast<Field>(value);
      }};
}

constexpr double kTiny = 1e-6;
constexpr double kMany = 1e6;

template <auto Part>
constexpr std::array<ParameterKey, 2> rate(std::string_view bad, std::string_view good) {
  constexpr auto kIn = &Parameters::population;
  return {number<kIn, Part, &Rate::bad>(bad, kTiny, kMany),
          number<kIn, Part, &Rate::good>(good, kTiny, kMany)};
}

constexpr auto kHonest =
    rate<&Population::honest>("population.honest.bad", "population.honest.good");
constexpr auto kFlaky = rate<&Population::flaky>("population.flaky.bad", "population.flaky.good");
constexpr auto kMalicious =
    rate<&Population::malicious>("population.malicious.bad", "population.malicious.good");

template <auto Field>
constexpr ParameterKey population(std::string_view name, double low, double high) {
  return number<&Parameters::population, Field>(name, low, high);
}
template <auto Field>
constexpr ParameterKey exclusion(std::string_view name, double low, double high) {
  return number<&Parameters::exclusion, Field>(name, low, high);
}
template <auto Field>
constexpr ParameterKey audits(std::string_view name, double low, double high) {
  return number<&Parameters::audits, Field>(name, low, high);
}
template <auto Field>
constexpr ParameterKey replicas(std::string_view name, double low, double high) {
  return number<&Parameters::replicas, Field>(name, low, high);
}
template <auto Field>
constexpr ParameterKey memory(std::string_view name, double low, double high) {
  return number<&Parameters::memory, Field>(name, low, high);
}

constexpr std::array kKeys{
    kHonest[0],
    kHonest[1],
    kFlaky[0],
    kFlaky[1],
    kMalicious[0],
    kMalicious[1],
    population<&Population::flaky_share>("population.flaky_share", 0, 0.3),
    population<&Population::malicious_share>("population.malicious_share", kTiny, 0.6),
    population<&Population::malicious_share_weight>("population.malicious_share_weight", 1, kMany),
    population<&Population::malicious_share_min>("population.malicious_share_min", kTiny, 0.6),
    population<&Population::malicious_share_max>("population.malicious_share_max", kTiny, 0.6),
    population<&Population::vetted_results>("population.vetted_results", 1, kMany),
    population<&Population::sleeper_share>("population.sleeper_share", kTiny, 1),
    population<&Population::sleeper_risk>("population.sleeper_risk", 0, 1),
    memory<&Memory::keep>("memory.keep", 0.5, 1),
    memory<&Memory::normal_rate>("memory.normal_rate", kTiny, 0.5),
    memory<&Memory::changed_rate>("memory.changed_rate", kTiny, 0.999),
    memory<&Memory::alarm>("memory.alarm", 0.1, 100),
    exclusion<&Exclusion::sure_bad>("exclusion.sure_bad", 0.5, 1000),
    exclusion<&Exclusion::sure_malice>("exclusion.sure_malice", 0.5, 1),
    exclusion<&Exclusion::sure_risk>("exclusion.sure_risk", 0.01, 1),
    exclusion<&Exclusion::change_bad>("exclusion.change_bad", 0.5, 1000),
    exclusion<&Exclusion::change_cusum>("exclusion.change_cusum", 0.1, 1000),
    exclusion<&Exclusion::quarantine_bad>("exclusion.quarantine_bad", 0.5, 1000),
    exclusion<&Exclusion::quarantine_risk>("exclusion.quarantine_risk", 0.01, 1),
    audits<&Audits::minimum>("audits.minimum", 0, 16),
    audits<&Audits::maximum>("audits.maximum", 0, 16),
    audits<&Audits::cost>("audits.cost", 1e-4, 10),
    audits<&Audits::power>("audits.power", 0.01, 0.9999),
    audits<&Audits::blind>("audits.blind", 1e-4, 0.9),
    audits<&Audits::covering>("audits.covering", 0, 0.99),
    audits<&Audits::auditor_malice>("audits.auditor_malice", 0, 1),
    audits<&Audits::confirmations>("audits.confirmations", 1, 5),
    audits<&Audits::dismissals>("audits.dismissals", 1, 9),
    replicas<&Replicas::quorum>("replicas.quorum", 1, 7),
    replicas<&Replicas::maximum>("replicas.maximum", 1, 15),
    replicas<&Replicas::partner_malice>("replicas.partner_malice", 0, 1),
    replicas<&Replicas::coincidence>("replicas.coincidence", kTiny, 1),
    replicas<&Replicas::unseen>("replicas.unseen", 0, 1),
    replicas<&Replicas::cost>("replicas.cost", 0.01, 10),
    replicas<&Replicas::outvoted>("replicas.outvoted", 0, 1),
    number<&Parameters::canaries, &Canaries::rate>("canaries.rate", 0, 0.9),
    number<&Parameters::canaries, &Canaries::misses>("canaries.misses", 1, 100),
    number<&Parameters::risk, &Risk::limit>("risk.limit", 1e-9, 0.5),
    number<&Parameters::risk, &Risk::reopen>("risk.reopen", 0.1, 1000),
};

}  // namespace

bool ParameterKey::allows(double value) const {
  return std::isfinite(value) && value >= low && value <= high &&
         (!whole || value == std::floor(value));
}

std::string ParameterKey::allowed() const {
  return fmt::format("a {}number from {:g} to {:g}", whole ? "whole " : "", low, high);
}

std::span<const ParameterKey> parameter_keys() { return kKeys; }

}  // namespace worldshare::verifier::policy
