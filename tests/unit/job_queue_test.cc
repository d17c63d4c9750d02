#include "dispatcher/economy/job_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "dispatcher/economy/frame_order.h"

namespace worldshare::dispatcher {
namespace {

using namespace std::chrono_literals;

const auto kAlways = [](const Demand&) { return true; };

class JobQueueTest : public testing::Test {
 protected:
  void put(JobId id, TenantId tenant, std::uint32_t priority = 50, Demand demand = {}) {
    QueuedJob job;
    job.id = id;
    job.tenant = tenant;
    job.priority = priority;
    job.queued_at = now_;
    queue_.put(job, std::move(demand), now_);
  }
  /// Serves one seat; the job, or 0.
  JobId serve() {
    const auto pick = queue_.pick(now_, kAlways);
    if (!pick) return 0;
    queue_.charge(*pick);
    return pick->job;
  }

  Clock::TimePoint now_ = from_unix_ms(1'000'000'000);
  JobQueue queue_;
};

TEST_F(JobQueueTest, WeightsShareWithinFivePerCentOverTenThousandUnits) {
  for (TenantId tenant : {1U, 2U, 4U}) {
    queue_.set_terms(tenant, {.weight = static_cast<double>(tenant)});
    put(tenant, tenant);
  }
  for (int window = 0; window < 3; ++window) {
    std::map<JobId, int> units;
    for (int i = 0; i < 10'000; ++i) ++units[serve()];
    for (const auto& [job, count] : units) {
      EXPECT_NEAR(count, 10'000.0 * static_cast<double>(job) / 7,
                  0.05 * 10'000.0 * static_cast<double>(job) / 7);
    }
  }
}

TEST_F(JobQueueTest, SharesHoldThoughOneTenantCallsEverythingUrgent) {
  put(1, 1, 100);
  put(2, 2);
  std::map<JobId, int> units;
  for (int i = 0; i < 10'000; ++i) ++units[serve()];
  EXPECT_NEAR(units[1], 5000, 250);
}

TEST_F(JobQueueTest, AnUrgentJobTakesTheNextSeat) {
  for (TenantId tenant = 1; tenant <= 3; ++tenant) put(tenant, tenant);
  for (int i = 0; i < 1000; ++i) serve();
  put(9, 2, 90);
  EXPECT_EQ(serve(), 9U);
  queue_.remove(9);
  put(10, 8, 95);
  EXPECT_EQ(serve(), 10U) << "of a tenant that comes new too";
}

TEST_F(JobQueueTest, PriorityThenArrivalWithinATenant) {
  put(1, 1, 50);
  put(2, 1, 60);
  put(3, 1, 60);
  EXPECT_EQ(serve(), 2U);
  queue_.remove(2);
  EXPECT_EQ(serve(), 3U);
  queue_.remove(3);
  EXPECT_EQ(serve(), 1U);
}

TEST_F(JobQueueTest, WaitingCountsAsPriority) {
  put(1, 1, 0);
  now_ += 121s * 80;
  put(2, 1, 80);
  EXPECT_EQ(serve(), 1U);
}

TEST_F(JobQueueTest, DueJobsGoByDeadlineAcrossTenants) {
  const auto with_deadline = [&](JobId id, TenantId tenant, std::chrono::hours in) {
    QueuedJob job;
    job.id = id;
    job.tenant = tenant;
    job.queued_at = now_;
    job.deadline = now_ + in;
    job.due_from = *job.deadline - 1h;
    queue_.put(job, {}, now_);
  };
  put(1, 1, 80);
  with_deadline(2, 2, 5h);
  with_deadline(3, 1, 3h);
  EXPECT_EQ(serve(), 1U) << "nothing is due";
  now_ += 2h;
  EXPECT_EQ(serve(), 3U);
  now_ += 2h;
  queue_.remove(3);
  EXPECT_EQ(serve(), 2U);
}

TEST_F(JobQueueTest, AJobIsNotServedBeforeItsTime) {
  QueuedJob job;
  job.id = 1;
  job.queued_at = now_;
  job.not_before = now_ + 1h;
  queue_.put(job, {}, now_);
  EXPECT_EQ(serve(), 0U);
  now_ += 1h;
  EXPECT_EQ(serve(), 1U);
}

TEST_F(JobQueueTest, ATenantAtItsLimitWaitsForItsOwnLeases) {
  queue_.set_terms(1, {.weight = 1, .max_leases = 2});
  put(1, 1, 95);
  put(2, 2);
  std::map<JobId, int> units;
  for (int i = 0; i < 10; ++i) ++units[serve()];
  EXPECT_EQ(units[1], 2);
  queue_.in_work(1, -1);
  EXPECT_EQ(serve(), 1U);
}

TEST_F(JobQueueTest, WhoCouldNotBeServedCatchesUpByTheBurstOnly) {
  put(1, 1, 50, Demand{1, {}});
  put(2, 2, 50, Demand{2, {}});
  for (int i = 0; i < 10'000; ++i) {
    const auto pick = queue_.pick(now_, [](const Demand& demand) { return demand.need == 2; });
    ASSERT_TRUE(pick);
    ASSERT_EQ(pick->job, 2U);
    queue_.charge(*pick);
  }
  std::map<JobId, int> units;
  for (int i = 0; i < 1000; ++i) ++units[serve()];
  EXPECT_NEAR(units[1], 500 + 32, 3);
}

TEST(FrameOrder, IsAPermutationThatBeginsWithThePreview) {
  for (std::uint32_t total = 1; total < 200; ++total) {
    std::set<std::uint32_t> frames;
    for (std::uint32_t i = 0; i < total; ++i) frames.insert(frame_at(i, total));
    ASSERT_EQ(frames.size(), total);
    ASSERT_EQ(*frames.rbegin(), total - 1);
  }
  EXPECT_EQ(frame_at(0, 250), 0U);
  EXPECT_EQ(frame_at(1, 250), 249U);
  EXPECT_EQ(frame_at(2, 250), 125U);
  EXPECT_EQ(frame_at(3, 250), 1U);
  EXPECT_EQ(frame_at(260, 250), 260U) << "frames that were added later follow";
}

/// The same rules told slowly: every decision looks at everything.
class SlowQueue {
 public:
  struct Item {
    QueuedJob job;
    Demand demand;
  };
  struct Tenant {
    TenantTerms terms;
    double served = 0;
    std::uint32_t leases = 0;
  };

  explicit SlowQueue(QueueOptions options) : options_(options) {}

  bool waits(const Item& item, Clock::TimePoint now) const { return item.job.not_before > now; }
  bool has_jobs(TenantId tenant) const {
    return std::ranges::any_of(enlisted,
                               [&](JobId id) { return items.at(id).job.tenant == tenant; });
  }
  /// Jobs whose time has come join; a tenant that had none starts where the others are.
  void join(Clock::TimePoint now) {
    std::vector<std::pair<Clock::TimePoint, JobId>> coming;
    for (const auto& [id, item] : items) {
      if (!enlisted.contains(id) && !waits(item, now)) coming.push_back({item.job.not_before, id});
    }
    std::ranges::sort(coming);
    for (const auto& [time, id] : coming) {
      const TenantId tenant = items.at(id).job.tenant;
      if (!has_jobs(tenant))
        tenants[tenant].served = std::max(tenants[tenant].served, virtual_time);
      enlisted.insert(id);
    }
  }
  std::tuple<int, std::int64_t, JobId> place(const Item& item, Clock::TimePoint now) const {
    const auto& job = item.job;
    const auto aged = static_cast<std::int64_t>(unix_ms(job.queued_at)) -
                      std::int64_t{job.priority} * options_.ageing.count();
    if (job.priority >= options_.urgent_priority) return {0, aged, job.id};
    if (job.deadline && job.due_from <= now)
      return {1, static_cast<std::int64_t>(unix_ms(*job.deadline)), job.id};
    return {2, aged, job.id};
  }
  std::optional<JobQueue::Pick> pick(Clock::TimePoint now,
                                     const std::function<bool(const Demand&)>& servable) {
    join(now);
    using Place = std::tuple<int, std::int64_t, JobId>;
    std::vector<std::pair<std::pair<double, TenantId>, Place>> all;
    for (const JobId id : enlisted) {
      const Item& item = items.at(id);
      const Tenant& tenant = tenants[item.job.tenant];
      const bool full = tenant.terms.max_leases > 0 && tenant.leases >= tenant.terms.max_leases;
      if (!full && servable(item.demand))
        all.push_back({{tenant.served, item.job.tenant}, place(item, now)});
    }
    for (int level : {0, 1}) {
      auto mine = all;
      std::erase_if(mine, [&](const auto& entry) {
        return std::get<0>(entry.second) != level ||
               entry.first.first > virtual_time + options_.burst;
      });
      if (mine.empty()) continue;
      const auto best = level == 0
                            ? std::ranges::min(mine)
                            : std::ranges::min(mine, {}, [](const auto& e) { return e.second; });
      return JobQueue::Pick{std::get<2>(best.second), true};
    }
    if (all.empty()) return std::nullopt;
    return JobQueue::Pick{std::get<2>(std::ranges::min(all).second), false};
  }
  void charge(const JobQueue::Pick& pick) {
    Tenant& tenant = tenants[items.at(pick.job).job.tenant];
    const double start = std::max(tenant.served, virtual_time - options_.burst);
    if (!pick.ahead) virtual_time = std::max(virtual_time, start);
    tenant.served = start + 1 / tenant.terms.weight;
    ++tenant.leases;
  }

  std::map<JobId, Item> items;
  std::set<JobId> enlisted;
  std::map<TenantId, Tenant> tenants;
  double virtual_time = 0;

 private:
  QueueOptions options_;
};

class Twins {
 public:
  explicit Twins(unsigned seed) : random_(seed) {}

  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }

  QueuedJob random_job(JobId id) {
    QueuedJob job;
    job.id = id;
    job.tenant = below(4);
    job.priority = below(101);
    job.queued_at = now_;
    if (below(3) == 0) {
      job.deadline = now_ + std::chrono::minutes(below(600));
      job.due_from = *job.deadline - 1h;
    }
    if (below(4) == 0) job.not_before = now_ + std::chrono::minutes(below(60));
    return job;
  }
  Demand random_demand() {
    Demand demand{below(3), {}};
    for (OwnerId owner = 0; owner < 3; ++owner) {
      if (below(3) == 0) demand.excluded.push_back(owner);
    }
    return demand;
  }
  void put_job(JobId id) {
    // The tenant of a job never changes.
    QueuedJob job = random_job(id);
    const auto known = slow_.items.find(id);
    if (known != slow_.items.end()) job.tenant = known->second.job.tenant;
    const Demand demand = random_demand();
    fast_.put(job, demand, now_);
    const bool was_enlisted = slow_.enlisted.contains(id);
    slow_.items[id] = {job, demand};
    const bool alone = was_enlisted && job.not_before > now_;
    if (alone) slow_.enlisted.erase(id);
    slow_.join(now_);
  }
  void serve() {
    const std::uint32_t need = below(4);
    const OwnerId owner = below(4);
    const auto servable = [&](const Demand& demand) {
      return demand.need != need && !std::ranges::binary_search(demand.excluded, owner);
    };
    const auto fast = fast_.pick(now_, servable);
    const auto slow = slow_.pick(now_, servable);
    ASSERT_EQ(fast.has_value(), slow.has_value());
    if (!fast) return;
    ASSERT_EQ(fast->job, slow->job);
    ASSERT_EQ(fast->ahead, slow->ahead);
    if (below(4) == 0) return;
    fast_.charge(*fast);
    slow_.charge(*slow);
  }
  void step() {
    switch (below(8)) {
      case 0:
      case 1: put_job(1 + below(40)); break;
      case 2: {
        const JobId id = 1 + below(40);
        fast_.remove(id);
        slow_.items.erase(id);
        slow_.enlisted.erase(id);
        break;
      }
      case 3: {
        const TenantId tenant = below(4);
        const TenantTerms terms{.weight = 1.0 + below(4), .max_leases = below(2) * (1 + below(30))};
        fast_.set_terms(tenant, terms);
        slow_.tenants[tenant].terms = terms;
        break;
      }
      case 4: {
        const TenantId tenant = below(4);
        fast_.in_work(tenant, -1);
        auto& leases = slow_.tenants[tenant].leases;
        leases -= leases > 0 ? 1 : 0;
        break;
      }
      case 5: now_ += std::chrono::seconds(below(600)); break;
      default: serve();
    }
  }

 private:
  std::mt19937 random_;
  Clock::TimePoint now_ = from_unix_ms(1'000'000'000);
  JobQueue fast_;
  SlowQueue slow_{QueueOptions{}};
};

TEST(JobQueueProperty, DecidesAsTheSlowModelWhateverHappens) {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    Twins twins(seed);
    for (int i = 0; i < 1500; ++i) {
      twins.step();
      if (testing::Test::HasFatalFailure()) FAIL() << "seed " << seed << " step " << i;
    }
  }
}

}  // namespace
}  // namespace worldshare::dispatcher
