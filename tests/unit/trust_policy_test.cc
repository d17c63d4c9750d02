#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "verifier/policy/decision.h"
#include "verifier/policy/exclusion.h"
#include "verifier/policy/job_costs.h"
#include "verifier/policy/policy_file.h"
#include "verifier/policy/retrial.h"
#include "verifier/policy/risk.h"
#include "verifier/policy/settlement.h"

namespace worldshare::verifier::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Policies& shipped() {
  static const Policies policies =
      load_policies(std::string(WS_SOURCE_DIR) + "/verifier/policy/policy.yaml").value();
  return policies;
}
const Parameters& standard() { return shipped().at("standard"); }

void check_results(Roster& roster, IdentityId identity, int good, int bad) {
  for (int i = 0; i < good; ++i) roster.apply({identity, EventKind::kChecked, 1, 0});
  for (int i = 0; i < bad; ++i) roster.apply({identity, EventKind::kChecked, 0, 1});
}

Evidence one_result(IdentityId identity) {
  Evidence out;
  out.chance = 0.99;  // the smaller of the two numbers of audits
  out.submissions.push_back({.identity = identity});
  return out;
}

/// Asks and, as long as a volunteer's audit is wanted, lets it find nothing.
Step after_clean_audits(Evidence& evidence, const Parameters& policy, const Roster& roster) {
  Step step = decide(evidence, policy, roster);
  while (step.act == Act::kAudit) {
    ++evidence.submissions[step.target].passes;
    step = decide(evidence, policy, roster);
  }
  return step;
}

TEST(Record, GoodBehaviourCannotBeSavedUp) {
  Record record;
  for (int i = 0; i < 100'000; ++i) record = observed(record, 1, 0, standard().memory);
  EXPECT_NEAR(record.ok, 1 / (1 - standard().memory.keep), 1e-6);
}

TEST(Record, AChangeForTheWorseShowsInCusumWhateverWentBefore) {
  Record record;
  for (int i = 0; i < 1000; ++i) record = observed(record, 1, 0, standard().memory);
  EXPECT_EQ(record.cusum, 0);
  for (int i = 0; i < 3; ++i) record = observed(record, 0, 1, standard().memory);
  EXPECT_NEAR(record.cusum, 3 * std::log(0.5 / 0.01), 1e-12);
}

TEST(Record, WeightsOutsideOfTheirRangeAreClamped) {
  const Record record = observed({}, 7, -3, standard().memory);
  EXPECT_EQ(record.ok, 1);
  EXPECT_EQ(record.bad, 0);
}

TEST(Belief, ANewcomerIsBelievedToBeThePrior) {
  const Roster roster(standard());
  EXPECT_DOUBLE_EQ(roster.belief(1).malice, standard().population.malicious_share);
  EXPECT_EQ(roster.belief(1).malice, roster.newcomer().malice);
}

TEST(Belief, NobodyIsTrustedToTheEnd) {
  Roster roster(standard());
  check_results(roster, 1, 5000, 0);
  const Belief belief = roster.belief(1);
  const double share = roster.malicious_share();
  EXPECT_GE(belief.malice, standard().population.sleeper_share * share);
  EXPECT_GE(belief.malice * belief.cheat_rate, 0.999 * standard().population.sleeper_risk * share);
}

TEST(Belief, RecordsOfAnyLengthDoNotUnderflow) {
  for (const Record& record : {Record{1e9, 0, 0}, Record{0, 1e9, 1e9}, Record{1e9, 1e9, 5e8}}) {
    const Belief found =
        belief(record, likelihoods(record, standard().population), 0.1, standard());
    for (const double value : {found.malice, found.cheat_rate, found.fault_rate}) {
      EXPECT_TRUE(std::isfinite(value));
      EXPECT_GE(value, 0);
      EXPECT_LE(value, 1);
    }
  }
}

TEST(Belief, ABadResultWeighsMoreAgainstAStranger) {
  Roster roster(standard());
  check_results(roster, 1, 2, 1);
  check_results(roster, 2, 100, 1);
  EXPECT_GT(roster.belief(1).malice, 0.4);
  EXPECT_LT(roster.belief(2).malice, 0.1);
}

TEST(Prior, ExclusionsMakeNewcomersSuspectAndVettedOwnersMakeThemTrusted) {
  const Population& population = standard().population;
  EXPECT_DOUBLE_EQ(Prior{}.malicious_share(population), population.malicious_share);
  EXPECT_GT((Prior{100, 100}).malicious_share(population), population.malicious_share);
  EXPECT_LT((Prior{0, 1000}).malicious_share(population), population.malicious_share);
  EXPECT_EQ((Prior{1'000'000, 0}).malicious_share(population), population.malicious_share_max);
  EXPECT_EQ((Prior{0, 1'000'000}).malicious_share(population), population.malicious_share_min);
}

TEST(Risk, AuditsEscapeByTheFormula) {
  Audits audits;
  audits.power = 0.9;
  audits.blind = 0.02;
  EXPECT_EQ(escape({}, 0, audits), 1);
  EXPECT_NEAR(escape({.volunteers = 2}, 0, audits), 0.02 + 0.98 * 0.01, 1e-15);
  EXPECT_NEAR(escape({.volunteers = 1, .trusted = 1}, 0.5, audits), 0.02 + 0.98 * 0.55 * 0.1,
              1e-15);
  EXPECT_NEAR(escape({.trusted = 100}, 0, audits), 0.02, 1e-15);
}

TEST(Risk, TwoWhoAgreeAreWrongTogetherOrFaultyAlike) {
  const Witness one{{.malice = 0.1, .cheat_rate = 0.5, .fault_rate = 0.01}, {}};
  const Witness two{{.malice = 0.2, .cheat_rate = 0.3, .fault_rate = 0.02}, {}};
  const std::array both{one, two};
  const double coincidence = standard().replicas.coincidence;
  EXPECT_NEAR(risk_of_copies(both, standard()), 0.1 * 0.2 * 0.3 + 0.01 * 0.02 * coincidence, 1e-15);
}

TEST(Risk, PicturesThatContradictEachOtherShareTheCredibility) {
  const std::array same{0.1};
  EXPECT_NEAR(contested_risk(0.1, same), 1 - 9.0 / 19, 1e-12);
  EXPECT_EQ(contested_risk(0.1, {}), 0.1);
}

TEST(Decision, StandardRendersOnceAuditsAndAccepts) {
  Roster roster(standard());
  EXPECT_EQ(decide({}, standard(), roster).act, Act::kAskReplica);
  EXPECT_EQ(decide({}, standard(), roster).count, 1U);
  Evidence evidence = one_result(1);
  check_results(roster, 1, 30, 0);
  const Step step = after_clean_audits(evidence, standard(), roster);
  EXPECT_EQ(step.act, Act::kAccept);
  EXPECT_EQ(evidence.submissions[0].passes, std::floor(standard().audits.minimum));
  EXPECT_LE(step.risk, standard().risk.limit);
  EXPECT_THAT(step.sentence(), HasSubstr("accepted"));
}

TEST(Decision, TheUnitsSecretAddsTheFractionOfAnAudit) {
  Roster roster(standard());
  check_results(roster, 1, 30, 0);
  Evidence evidence = one_result(1);
  evidence.chance = 0;
  (void)after_clean_audits(evidence, standard(), roster);
  EXPECT_EQ(evidence.submissions[0].passes, std::ceil(standard().audits.minimum));
}

TEST(Decision, WhoeverIsNearlySureToCheatIsReplicatedAsAuditsHaveBlindSpots) {
  Roster roster(standard());
  check_results(roster, 1, 0, 1);
  Evidence evidence = one_result(1);
  EXPECT_EQ(after_clean_audits(evidence, standard(), roster).act, Act::kAskReplica);
}

TEST(Decision, AVolunteersAuditBlamesNobodyUntilTrustedHardwareSaysSo) {
  const Roster roster(standard());
  Evidence evidence = one_result(1);
  evidence.submissions[0].failures = 1;
  EXPECT_EQ(decide(evidence, standard(), roster).act, Act::kTrustedAudit);
  evidence.submissions[0].trusted_failures = 1;
  EXPECT_EQ(decide(evidence, standard(), roster).act, Act::kTrustedAudit);
  evidence.submissions[0].trusted_failures = 2;
  EXPECT_EQ(decide(evidence, standard(), roster).act, Act::kConvict);
}

TEST(Decision, ASlanderedResultIsClearedByTrustedHardware) {
  const Roster roster(standard());
  Evidence evidence = one_result(1);
  evidence.submissions[0].failures = 1;
  evidence.submissions[0].trusted_passes = static_cast<std::uint16_t>(standard().audits.dismissals);
  EXPECT_EQ(decide(evidence, standard(), roster).act, Act::kAccept);
}

TEST(Decision, PicturesThatContradictEachOtherAreAuditedThenRenderedOnTrustedHardware) {
  const Roster roster(standard());
  Evidence evidence = one_result(1);
  evidence.submissions.push_back({.identity = 2, .cluster = 1});
  for (std::uint32_t expected : {0U, 1U}) {
    const Step step = decide(evidence, standard(), roster);
    ASSERT_EQ(step.act, Act::kTrustedAudit);
    ASSERT_EQ(step.target, expected);
    evidence.submissions[expected].trusted_passes =
        static_cast<std::uint16_t>(standard().audits.dismissals);
  }
  EXPECT_EQ(decide(evidence, standard(), roster).act, Act::kTrustedRender);
  EXPECT_EQ(compare_with_trusted(evidence, {true, false}).size(), 2U);
  const Step last = decide(evidence, standard(), roster);
  EXPECT_EQ(last.act, Act::kAccept);
  EXPECT_TRUE(last.trusted);
}

TEST(Decision, WhenAllAreWrongTogetherAnotherIsAsked) {
  const Roster roster(standard());
  Evidence evidence = one_result(1);
  evidence.submissions.push_back({.identity = 2});
  EXPECT_EQ(convict(evidence, 0, standard()).size(), 2U);
  EXPECT_EQ(decide(evidence, standard(), roster).act, Act::kAskReplica);
}

TEST(Decision, WhenAllAreDifferentTrustedHardwareRendersInTheEnd) {
  const Parameters& policy = shipped().at("replicated");
  const Roster roster(policy);
  Evidence evidence;
  Step step = decide(evidence, policy, roster);
  while (step.act == Act::kAskReplica) {
    const auto number = static_cast<std::uint32_t>(evidence.submissions.size());
    evidence.submissions.push_back({.identity = number, .cluster = number});
    step = decide(evidence, policy, roster);
  }
  EXPECT_EQ(step.act, Act::kTrustedRender);
  EXPECT_EQ(evidence.submissions.size(), policy.replicas.maximum + 1);
}

TEST(Decision, ReplicatedNeverAcceptsASingleResult) {
  const Parameters& policy = shipped().at("replicated");
  Roster roster(policy);
  check_results(roster, 1, 1000, 0);
  EXPECT_EQ(decide(one_result(1), policy, roster).act, Act::kAskReplica);
}

TEST(Decision, FoundingAsksForTwoAtOnceAndTakesTwoThatAreEqual) {
  const Parameters& policy = shipped().at("founding");
  const Roster roster(policy);
  EXPECT_EQ(decide({}, policy, roster).count, 2U);
  Evidence evidence = one_result(1);
  evidence.pending = 1;
  EXPECT_EQ(decide(evidence, policy, roster).act, Act::kWait);
  evidence.pending = 0;
  evidence.submissions.push_back({.identity = 2, .cluster = 1});
  EXPECT_EQ(decide(evidence, policy, roster).act, Act::kAskReplica);
  evidence.submissions.push_back({.identity = 3, .cluster = 1});
  EXPECT_EQ(decide(evidence, policy, roster).act, Act::kAccept);
  EXPECT_EQ(decide(evidence, policy, roster).target, 1U);
}

TEST(Decision, StrictMergesTwoHalvesThatWereBothAudited) {
  const Parameters& policy = shipped().at("strict");
  Roster roster(policy);
  for (const IdentityId identity : {1U, 2U}) check_results(roster, identity, 30, 0);
  Evidence evidence = one_result(1);
  EXPECT_EQ(after_clean_audits(evidence, policy, roster).act, Act::kAskReplica);
  evidence.submissions.push_back({.identity = 2});
  EXPECT_NE(after_clean_audits(evidence, policy, roster).act, Act::kAccept) << "the same half";
  evidence.submissions.back().range = 1;
  const Step step = after_clean_audits(evidence, policy, roster);
  EXPECT_EQ(step.act, Act::kAccept);
  EXPECT_NE(step.target, step.partner);
  for (const auto& half : evidence.submissions) EXPECT_GE(half.passes, policy.audits.minimum);
}

TEST(Decision, AnOwnerWhoWasBannedInFlightCountsAsMaliciousForCertain) {
  Roster roster(standard());
  check_results(roster, 1, 30, 0);
  Evidence evidence = one_result(1);
  roster.apply({1, EventKind::kBanned});
  const Step step = decide(evidence, standard(), roster);
  EXPECT_EQ(step.act, Act::kAudit);
  EXPECT_GT(step.risk, 0.01);
}

TEST(Pairing, NobodyJudgesHimselfAndTheDoubtedMeetTheTrusted) {
  Roster roster(standard());
  const Evidence evidence = one_result(1);
  EXPECT_FALSE(may_replicate(1, evidence, true, standard(), roster));
  EXPECT_FALSE(may_replicate(2, evidence, false, standard(), roster)) << "two strangers";
  EXPECT_TRUE(may_replicate(2, evidence, true, standard(), roster)) << "nobody better came";
  check_results(roster, 3, 30, 0);
  EXPECT_TRUE(may_replicate(3, evidence, false, standard(), roster));
  roster.apply({3, EventKind::kBanned});
  EXPECT_FALSE(may_replicate(3, evidence, true, standard(), roster));
}

TEST(Pairing, TheMostTrustedCandidateAuditsAndNobodyWhoIsDoubted) {
  Roster roster(standard());
  check_results(roster, 3, 30, 0);
  check_results(roster, 4, 0, 1);
  const Evidence evidence = one_result(1);
  const std::array<IdentityId, 4> all{1, 2, 3, 4};
  EXPECT_EQ(choose_auditor(all, evidence, standard(), roster), 3U);
  const std::array<IdentityId, 2> bad{1, 4};
  EXPECT_EQ(choose_auditor(bad, evidence, standard(), roster), std::nullopt);
}

TEST(Settlement, CreditIsWhatTheCheckWasWorth) {
  Roster roster(standard());
  Evidence evidence = one_result(1);
  const Step step{.act = Act::kAccept};
  EXPECT_TRUE(settle(evidence, step, standard(), roster).empty()) << "nothing examined it";
  evidence.submissions[0].passes = 2;
  const auto events = settle(evidence, step, standard(), roster);
  ASSERT_EQ(events.size(), 1U);
  const double missed = escape({.volunteers = 2}, standard().audits.covering, standard().audits);
  EXPECT_DOUBLE_EQ(events[0].ok, 1 - missed);
}

TEST(Settlement, WhoIsOutvotedIsDebitedUnlessTrustedAuditsClearedHim) {
  const Roster roster(standard());
  Evidence evidence = one_result(1);
  evidence.submissions.push_back({.identity = 2});
  evidence.submissions.push_back({.identity = 3, .cluster = 1});
  const Step step{.act = Act::kAccept, .risk = 0.1};
  const auto events = settle(evidence, step, standard(), roster);
  ASSERT_EQ(events.size(), 3U);
  EXPECT_DOUBLE_EQ(events[2].bad, 0.9 * standard().replicas.outvoted);
  evidence.submissions[2].trusted_passes = 3;
  EXPECT_EQ(settle(evidence, step, standard(), roster).size(), 2U);
}

TEST(Exclusion, ThreeBadResultsInARowBanAnOwnerOfLongStanding) {
  Roster roster(standard());
  check_results(roster, 1, 60, 2);
  EXPECT_FALSE(exposed(1, roster));
  check_results(roster, 1, 0, 1);
  const auto exposure = exposed(1, roster);
  ASSERT_TRUE(exposure);
  EXPECT_EQ(exposure->state, State::kBanned);
  EXPECT_THAT(exposure->reason, HasSubstr("turned bad all at once"));
}

TEST(Exclusion, AFaultyMachineIsQuarantinedAndReadmittedWithAnEmptyRecord) {
  Roster roster(standard());
  for (int i = 0; i < 5; ++i) check_results(roster, 1, 10, 1);
  const auto exposure = exposed(1, roster);
  ASSERT_TRUE(exposure);
  EXPECT_EQ(exposure->state, State::kQuarantined);
  EXPECT_THAT(exposure->reason, HasSubstr("faulty"));
  roster.apply(event_of(*exposure));
  EXPECT_FALSE(roster.active(1));
  roster.apply({1, EventKind::kReadmitted});
  EXPECT_TRUE(roster.active(1));
  EXPECT_EQ(roster.standing(1), Standing{});
}

TEST(Exclusion, AnHonestOwnerSurvivesAFaultNowAndThen) {
  Roster roster(standard());
  for (int i = 0; i < 100; ++i) {
    check_results(roster, 1, 199, 1);
    ASSERT_FALSE(exposed(1, roster)) << i;
  }
}

TEST(Exclusion, FoundingBansAtTheFirstMissedCanary) {
  Roster roster(shipped().at("founding"));
  EXPECT_FALSE(exposed(1, roster));
  roster.apply({1, EventKind::kCanaryMissed});
  ASSERT_TRUE(exposed(1, roster));
  EXPECT_THAT(exposed(1, roster)->reason, HasSubstr("known"));
}

TEST(Exclusion, TwoWhoErrAlikeAreBannedTogether) {
  const Roster roster(standard());
  Evidence evidence = one_result(1);
  evidence.submissions.push_back({.identity = 2});
  evidence.submissions.push_back({.identity = 3, .cluster = 1});
  (void)convict(evidence, 0, standard());
  const auto group = exposed_group(evidence, roster);
  ASSERT_EQ(group.size(), 2U);
  EXPECT_EQ(group[0].identity, 1U);
  EXPECT_EQ(group[1].identity, 2U);
}

TEST(RosterTest, IsTheSumOfItsEventsAndContinuesFromItsRows) {
  Roster whole(standard());
  Roster early(standard());
  const auto feed = [](Roster& roster, int from, int to) {
    for (int i = from; i < to; ++i) {
      const auto identity = static_cast<IdentityId>(i % 7);
      roster.apply({identity, EventKind::kChecked, i % 5 == 0 ? 0.0 : 0.9, i % 5 == 0 ? 0.7 : 0.0});
      if (i % 50 == 49) roster.apply({identity, EventKind::kBanned});
    }
  };
  feed(whole, 0, 400);
  feed(early, 0, 200);
  Roster later(standard());
  for (IdentityId i = 0; i < 7; ++i) later.restore(i, early.standing(i));
  later.restore(early.prior());
  feed(later, 200, 400);
  EXPECT_EQ(later.prior(), whole.prior());
  for (IdentityId i = 0; i < 7; ++i) {
    EXPECT_EQ(later.standing(i), whole.standing(i));
    EXPECT_EQ(later.belief(i).malice, whole.belief(i).malice);
  }
}

TEST(RosterTest, HoldsAMillionOwners) {
  Roster roster(standard());
  for (IdentityId i = 0; i < 1'000'000; ++i) roster.restore(i, {.record = {double(i % 100), 0, 0}});
  EXPECT_LT(roster.belief(999'999).malice, roster.belief(1'000'001).malice);
}

TEST(Retrial, AUnitOfAnExposedOwnerIsReopenedByItsRiskInHindsight) {
  Roster roster(standard());
  check_results(roster, 1, 3, 0);
  Evidence evidence = one_result(1);
  evidence.submissions[0].passes = 2;
  const Step accepted{.act = Act::kAccept};
  EXPECT_FALSE(reopens(evidence, accepted, standard(), roster));
  check_results(roster, 1, 0, 3);
  roster.apply({1, EventKind::kBanned});
  EXPECT_TRUE(reopens(evidence, accepted, standard(), roster));
  EXPECT_NE(decide(evidence, standard(), roster).act, Act::kAccept);
}

TEST(Retrial, TheGreatestRiskComesFirst) {
  std::vector<Suspect> suspects{{3, 0.1}, {2, 0.5}, {1, 0.1}};
  sort_for_retrial(suspects);
  std::vector<std::uint64_t> units;
  for (const Suspect& suspect : suspects) units.push_back(suspect.unit);
  EXPECT_THAT(units, ElementsAre(2, 1, 3));
}

TEST(JobCostsTest, AnAuditThatCostsMoreThanItBuysIsReplacedByReplicas) {
  const Parameters& replicated = shipped().at("replicated");
  EXPECT_EQ(for_job(standard(), replicated, {.audit = 0.05}).audits.cost, 0.05);
  EXPECT_EQ(for_job(standard(), replicated, {.audit = 0.5}).audits.maximum, 0U);
  EXPECT_EQ(for_job(standard(), replicated, {.auditable = false}).risk.limit,
            replicated.risk.limit);
  const Parameters& strict = shipped().at("strict");
  EXPECT_EQ(for_job(strict, replicated, {}).mode, Mode::kSplit);
  EXPECT_EQ(for_job(strict, replicated, {.splittable = false}).mode, Mode::kEvidence);
  EXPECT_EQ(for_job(strict, replicated, {.audit = 0.3, .half = 0.6}).mode, Mode::kEvidence);
  EXPECT_NEAR(expected_renders(standard()), 1 + 2.9 * 0.025, 1e-12);
}

TEST(JobCostsTest, WeakerAuditsAreMoreAudits) {
  const Parameters& replicated = shipped().at("replicated");
  const auto weak = for_job(standard(), replicated, {.audit = 0.01, .audit_power = 0.6}).audits;
  EXPECT_NEAR(std::pow(1 - weak.power, weak.minimum),
              std::pow(1 - standard().audits.power, standard().audits.minimum), 1e-12);
  EXPECT_GT(weak.maximum, weak.minimum);
  EXPECT_GT(weak.dismissals, standard().audits.dismissals) << "trusted audits are as weak";
  const auto strong = for_job(standard(), replicated, {.audit_power = 0.99}).audits;
  EXPECT_EQ(strong.minimum, standard().audits.minimum) << "never fewer";
  EXPECT_EQ(for_job(standard(), replicated, {.audit = 0.2, .audit_power = 0.6}).audits.maximum, 0U)
      << "three would pay, seven do not";
  EXPECT_LE(for_job(standard(), replicated, {.audit = 0.01, .audit_power = 0.01}).audits.maximum,
            16U);
}

TEST(JobCostsTest, WithoutTrustedHardwareNobodyIsAskedToSettleAnything) {
  JobCosts costs;
  costs.trusted = false;
  const Parameters& replicated = shipped().at("replicated");
  EXPECT_EQ(for_job(shipped().at("strict"), replicated, costs).mode, Mode::kEvidence);
  EXPECT_EQ(for_job(shipped().at("strict"), replicated, costs).audits.maximum, 0U) << "halves";
  for (const char* name : {"standard", "strict", "replicated"}) {
    const Parameters rules = for_job(shipped().at(name), replicated, costs);
    Roster roster(rules);
    for (IdentityId good = 10; good < 15; ++good) check_results(roster, good, 50, 0);
    Evidence evidence;
    evidence.submissions = {{.identity = 1, .cluster = 1}, {.identity = 2, .cluster = 1}};
    for (std::uint32_t i = 0; i < 2; ++i) evidence.submissions[i].failures = 2;
    for (IdentityId good = 10; good < 15; ++good) {
      const Step step = after_clean_audits(evidence, rules, roster);
      if (step.act == Act::kAccept) break;
      ASSERT_EQ(step.act, Act::kAskReplica) << name;
      evidence.submissions.push_back({.identity = good, .cluster = 2});
    }
    const Step step = decide(evidence, rules, roster);
    ASSERT_EQ(step.act, Act::kAccept) << name;
    EXPECT_EQ(evidence.submissions[step.target].cluster, 2U) << "proven owners, not two strangers";
    EXPECT_LE(step.risk, rules.risk.limit);
  }
}

/// `standard` where there is no trusted hardware.
Parameters untrusted() {
  JobCosts costs;
  costs.trusted = false;
  return for_job(standard(), shipped().at("replicated"), costs);
}

TEST(WithoutTrustedHardware, CleanAuditsAreWorthWhatTheyAlwaysAre) {
  const Roster roster(standard());
  Evidence evidence = one_result(1);
  Evidence same = evidence;
  const Step step = after_clean_audits(evidence, untrusted(), roster);
  EXPECT_EQ(step.act, Act::kAccept);
  EXPECT_EQ(step.risk, after_clean_audits(same, standard(), roster).risk);
}

TEST(WithoutTrustedHardware, OneFailedAuditIsOutweighedByFurtherAuditsAndBlamesNobody) {
  const Roster roster(standard());
  Evidence evidence = one_result(1);
  evidence.submissions[0].failures = 1;
  const Step step = after_clean_audits(evidence, untrusted(), roster);
  ASSERT_EQ(step.act, Act::kAccept);
  EXPECT_GT(evidence.submissions[0].passes, 2U) << "more than without the failure";
  for (const Event& event : settle(evidence, step, untrusted(), roster)) EXPECT_EQ(event.bad, 0);
}

TEST(WithoutTrustedHardware, WhatFailsItsAuditsIsRenderedByAnotherWhoThenLeads) {
  const Roster roster(standard());
  Evidence evidence = one_result(1);
  Step step = decide(evidence, untrusted(), roster);
  for (int i = 0; step.act == Act::kAudit; ++i) {
    ASSERT_LT(i, 6) << "audits without end";
    ++evidence.submissions[0].failures;
    step = decide(evidence, untrusted(), roster);
  }
  ASSERT_EQ(step.act, Act::kAskReplica);
  evidence.submissions.push_back({.identity = 2, .cluster = 1});
  step = after_clean_audits(evidence, untrusted(), roster);
  ASSERT_EQ(step.act, Act::kAccept);
  EXPECT_EQ(step.target, 1U);
  EXPECT_EQ(evidence.submissions[0].passes, 0U) << "whose audits failed is not audited further";
  double bad = 0;
  for (const Event& event : settle(evidence, step, untrusted(), roster)) {
    if (event.identity == 1) bad += event.bad;
  }
  EXPECT_NEAR(bad, standard().replicas.outvoted, 0.01);
}

}  // namespace
}  // namespace worldshare::verifier::policy
