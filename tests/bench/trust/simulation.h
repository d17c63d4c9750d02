#pragma once

#include <deque>
#include <queue>
#include <vector>

#include "tests/bench/trust/figures.h"
#include "tests/bench/trust/model.h"
#include "tests/bench/trust/picture.h"
#include "tests/bench/trust/population.h"
#include "tests/bench/trust/random.h"
#include "tests/bench/trust/rule.h"

namespace trust_bench {

/// Slots that are always busy render units until all are closed, and `rule` decides on each: a
/// discrete-event simulation. Audits take no time. Deterministic by model.seed. Run once.
class Simulation {
 public:
  /// Both must outlive this object.
  Simulation(const Model& model, Rule& rule);

  Figures run();

 private:
  struct Unit {
    Evidence evidence;
    std::vector<Picture> pictures;  ///< of the submissions
    Step accepted;
    float opened = -1;
    bool open = true;
    bool closed_once = false;
    bool wrong = false;
    std::uint8_t colluders = 0;  ///< that hold it or answered
    bool honest_answer = false;
    bool colluded = false;  ///< a colluder answered wrongly
  };
  enum class Task : std::uint8_t { kReplica, kNoShow, kCanary, kDeadline, kReturn };
  struct Event {
    double time = 0;
    std::uint32_t slot = 0;
    std::uint32_t unit = 0;
    Task task = Task::kReplica;
    bool operator>(const Event& other) const { return time > other.time; }
  };
  struct Slot {
    std::uint32_t identity = 0;
    bool idle = false;
  };
  struct Request {
    std::uint32_t unit = 0;
    float since = 0;
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
  /// False when nothing more is to do about the unit now.
  bool carry_out(std::uint32_t unit, const Step& step);
  void request(std::uint32_t unit, std::uint32_t count);
  void audit(Unit& unit, std::uint32_t target);
  void trusted_audit(Unit& unit, std::uint32_t target);
  void trusted_render(Unit& unit);
  void accept(std::uint32_t unit, const Step& step);
  void exclude(const Identities& identities);
  void retry_units_of_excluded();

  static std::uint64_t hash(std::uint64_t unit, std::uint64_t seed) {
    return mixed(mixed(unit) + seed);
  }

  const Model& model_;
  Rule& rule_;
  Random random_;
  Population people_;
  Studio studio_;
  Figures figures_;
  std::vector<Slot> slots_;
  std::vector<Unit> units_;
  std::vector<std::vector<std::uint32_t>> units_of_;  ///< by identity: where it answered
  std::vector<Request> requests_;
  std::vector<std::uint32_t> idle_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::deque<std::uint32_t> excluded_;  ///< whose units are not looked at again yet
  std::size_t open_units_ = 0;
  double now_ = 0;
};

}  // namespace trust_bench
