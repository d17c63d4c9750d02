#pragma once

#include <boost/json/object.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "shared/result.h"

/// Private to shared/nats.
namespace worldshare::nats {

/// A consumer or stream of the file, as JetStream's API takes it.
struct ConsumerConfig {
  std::string name;
  int line = 0;
  boost::json::object config;
};

struct StreamConfig {
  std::string name;
  int line = 0;
  boost::json::object config;
  std::vector<ConsumerConfig> consumers;
};

/// kInvalid with file and line for an unknown key, a wrong value or a missing name.
Result<std::vector<StreamConfig>> read_streams(const std::filesystem::path& file);

}  // namespace worldshare::nats
