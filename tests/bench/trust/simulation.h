#pragma once

#include <queue>
#include <vector>

#include "tests/bench/trust/trial.h"

namespace trust_bench {

/// Slots that are always busy render units until all are closed, and `rule` decides on each: a
/// discrete-event simulation. Audits take no time. Deterministic by model.seed. Run once.
class Simulation {
 public:
  /// Both must outlive this object.
  Simulation(const Model& model, Rule& rule);

  Figures run();

 private:
  enum class Task : std::uint8_t { kReplica, kNoShow, kCanary, kDeadline, kReturn };
  struct Event {
    double time = 0;
    std::uint32_t slot = 0;
    std::uint32_t unit = 0;
    Task task = Task::kReplica;
    bool operator>(const Event& other) const { return time > other.time; }
  };

  void handle(const Event& event);
  void assign(std::uint32_t slot);
  bool take_request(std::uint32_t slot);
  bool fits(const Request& request, std::uint32_t identity);
  void lease(std::uint32_t slot, std::uint32_t unit);
  void open_unit(std::uint32_t slot);
  void start_canary(std::uint32_t slot);
  double duration(std::uint32_t slot);
  double replica_cost() const;

  void finish_replica(const Event& event);
  void finish_canary(std::uint32_t identity);
  bool cheats(const Identity& who, std::uint32_t unit);
  void submit(std::uint32_t identity, std::uint32_t unit, const Picture& picture);
  std::uint32_t cluster_of(const Unit& unit, const Picture& picture);
  void free_slot(std::uint32_t slot);
  void wake();

  void advance(std::uint32_t unit);

  static std::uint64_t hash(std::uint64_t unit, std::uint64_t seed) {
    return mixed(mixed(unit) + seed);
  }

  World world_;
  Trial trial_;
  std::vector<std::uint32_t> idle_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
};

}  // namespace trust_bench
