#pragma once

#include <vector>

#include "tests/bench/trust/figures.h"
#include "tests/bench/trust/model.h"
#include "tests/bench/trust/picture.h"
#include "tests/bench/trust/population.h"
#include "tests/bench/trust/random.h"
#include "tests/bench/trust/rule.h"

namespace trust_bench {

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

struct Slot {
  std::uint32_t identity = 0;
  bool idle = false;
};

/// A replica that somebody is wanted for.
struct Request {
  std::uint32_t unit = 0;
  float since = 0;
};

/// The state of a simulation. `model` and `rule` must outlive it.
struct World {
  World(const Model& its_model, Rule& its_rule)
      : model(its_model),
        rule(its_rule),
        random(model.seed),
        people(model, random),
        studio(model, random),
        slots(model.slots) {
    units.reserve(model.units);  // so that references to units stay good
  }

  const Model& model;
  Rule& rule;
  Random random;
  Population people;
  Studio studio;
  Figures figures;
  std::vector<Slot> slots;
  std::vector<Unit> units;
  std::vector<std::vector<std::uint32_t>> units_of;  ///< by identity: where it answered
  std::vector<Request> requests;
  std::size_t open_units = 0;
  double now = 0;
};

}  // namespace trust_bench
