#include "verifier/soak.h"

#include <fmt/format.h>
#include <libdeflate.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "shared/files.h"
#include "shared/image/canonical.h"
#include "verifier/bench_pictures.h"
#include "verifier/image/png_file.h"
#include "verifier/trust/evidence.h"

namespace worldshare::verifier {
namespace {

namespace fs = std::filesystem;
using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kFileLimitBytes = 16U << 20;
constexpr int kDamagedCopies = 40;  // of each file of the folder
constexpr int kLargeCopies = 8;     // of each 1080p picture
constexpr std::uint32_t kLargePictures = 6;
constexpr std::uint32_t kGreatestSide = 4096;  // of what a header may ask for here
constexpr std::size_t kSamples = 100;
constexpr double kStall = 30;                     // seconds
constexpr std::uint64_t kSlackBytes = 16U << 20;  // of an allocator that settles
constexpr std::uint64_t kCacheBytes = 64U << 20;  // small, so that it is full soon
constexpr std::uint64_t kDecodingBytes = 4ULL << 30;

/// Artifacts that a job could ask for, and what it would say of them.
struct Sample {
  std::string artifact;
  ImageLimits limits;
};

ImageLimits limits_of(ByteView file) {
  const auto header = image::read_header(file);
  const bool sane = header && std::max(header->width, header->height) <= kGreatestSide;
  if (!sane) return {image::Format::kPng, kBenchWidth, kBenchHeight};
  return {header->format, header->width, header->height};
}

/// Cut, with some bits flipped, or with a stretch of another value.
Bytes damaged(Bytes file, std::mt19937& random) {
  const auto place = [&] { return random() % std::max<std::size_t>(1, file.size()); };
  switch (random() % 3) {
    case 0: file.resize(place()); break;
    case 1:
      for (auto flips = 1 + random() % 8; flips > 0 && !file.empty(); --flips) {
        file[place()] ^= static_cast<std::uint8_t>(1U << (random() % 8));
      }
      break;
    default: {
      const std::size_t begin = place();
      const std::size_t size = std::min<std::size_t>(file.size() - begin, random() % 64);
      std::fill_n(file.begin() + static_cast<std::ptrdiff_t>(begin), size,
                  static_cast<std::uint8_t>(random()));
    }
  }
  return file;
}

/// Gives a PNG's chunks the checksums of what is in them, as a cheater would.
void reseal_png(Bytes& file) {
  constexpr std::size_t kMagic = 8;
  constexpr std::size_t kFrame = 12;
  for (std::size_t at = kMagic; file.size() >= kFrame && at <= file.size() - kFrame;) {
    const auto big = [&](std::size_t i) { return std::size_t{file[at + i]} << (24 - 8 * i); };
    const std::size_t size = big(0) | big(1) | big(2) | big(3);
    if (size > file.size() - at - kFrame) return;
    const std::uint32_t sum = libdeflate_crc32(0, file.data() + at + 4, size + 4);
    for (std::size_t i = 0; i < 4; ++i) {
      file[at + 8 + size + i] = static_cast<std::uint8_t>(sum >> (24 - 8 * i));
    }
    at += size + kFrame;
  }
}

/// A file, its canonical form, and what can become of it.
using Group = std::vector<Sample>;

class Collection {
 public:
  explicit Collection(const blobs::Store& store) : store_(store) {}

  Result<> add(const Bytes& file, int damaged_copies) {
    const ImageLimits limits = limits_of(file);
    groups_.emplace_back();
    const auto clean = image::canonical(file);
    if (auto ok = put(clean ? *clean : file, limits); !ok) return ok;
    if (auto ok = put(file, limits); !ok) return ok;
    for (int i = 0; i < damaged_copies; ++i) {
      Bytes copy = damaged(clean ? *clean : file, random_);
      if (limits.format == image::Format::kPng && i % 2 == 0) reseal_png(copy);
      if (auto ok = put(copy, limits); !ok) return ok;
    }
    return {};
  }
  std::vector<Group> take() { return std::move(groups_); }

 private:
  Result<> put(const Bytes& file, const ImageLimits& limits) {
    auto name = put_blob(store_, file);
    if (!name) return std::unexpected(name.error());
    groups_.back().push_back({std::move(*name), limits});
    return {};
  }

  const blobs::Store& store_;
  std::mt19937 random_{1};
  std::vector<Group> groups_;
};

Result<std::vector<Group>> collect(const fs::path& folder, const blobs::Store& store) {
  Collection collection(store);
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
    if (!entry.is_regular_file()) continue;
    const auto text = read_file(entry.path(), kFileLimitBytes);
    if (!text) return std::unexpected(text.error());
    const ByteView bytes = as_bytes(*text);
    if (auto ok = collection.add({bytes.begin(), bytes.end()}, kDamagedCopies); !ok) {
      return std::unexpected(ok.error());
    }
  }
  if (error) return fail(Errc::kInvalid, "--soak: " + folder.string() + ": " + error.message());
  for (std::uint32_t seed = 0; seed < kLargePictures; ++seed) {
    if (auto ok = collection.add(png_file(bench_picture(seed)), kLargeCopies); !ok) {
      return std::unexpected(ok.error());
    }
  }
  return collection.take();
}

/// Two artifacts of one file, seldom of two, which one job asked for.
std::pair<const Sample*, const Sample*> draw(const std::vector<Group>& groups,
                                             std::mt19937& random) {
  const Group& group = groups[random() % groups.size()];
  const Group& other = random() % 3 == 0 ? groups[random() % groups.size()] : group;
  const Sample& good = group.front();
  return {random() % 2 == 0 ? &good : &group[random() % group.size()],
          random() % 3 == 0 ? &good : &other[random() % other.size()]};
}

struct Counts {
  std::atomic<std::uint64_t> pairs = 0;
  std::atomic<std::uint64_t> refused = 0;  ///< by their structure
  std::atomic<std::uint64_t> flawed = 0;   ///< found out later
  std::atomic<std::uint64_t> agreed = 0;
  std::atomic<std::uint64_t> differed = 0;
  std::atomic<double> longest_s = 0;
};

/// What the judge does with two results of a unit.
Result<> judge(Evidence& evidence, const Sample& a, const Sample& b, Counts& counts) {
  ++counts.pairs;
  for (const auto& artifact : {a.artifact, b.artifact}) {
    const auto fault = evidence.examine(artifact, a.limits);
    if (!fault) return std::unexpected(fault.error());
    if (*fault) return ++counts.refused, Result<>{};
  }
  const auto exhibit = evidence.compare(a.artifact, b.artifact, a.limits);
  if (!exhibit) return std::unexpected(exhibit.error());
  const auto flaw = evidence.prove(a.artifact, a.limits);
  if (!flaw) return std::unexpected(flaw.error());
  const bool flawed = *flaw || !exhibit->flaw_a.empty() || !exhibit->flaw_b.empty();
  ++(flawed ? counts.flawed : exhibit->comparison.agree ? counts.agreed : counts.differed);
  return {};
}

Result<> work(Evidence& evidence,
              const std::vector<Group>& groups,
              std::size_t seed,
              SteadyClock::time_point end,
              Counts& counts) {
  std::mt19937 random(static_cast<std::mt19937::result_type>(seed));
  while (SteadyClock::now() < end) {
    const auto begin = SteadyClock::now();
    const auto [first, second] = draw(groups, random);
    if (auto ok = judge(evidence, *first, *second, counts); !ok) return ok;
    const double seconds = std::chrono::duration<double>(SteadyClock::now() - begin).count();
    double longest = counts.longest_s;
    while (seconds > longest && !counts.longest_s.compare_exchange_weak(longest, seconds)) {
    }
  }
  return {};
}

std::uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  statm >> size >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

/// One of kSamples a time, until `end`.
std::vector<std::uint64_t> watch_memory(double seconds, const Counts& counts) {
  const auto begin = SteadyClock::now();
  std::vector<std::uint64_t> out;
  for (std::size_t i = 1; i <= kSamples; ++i) {
    std::this_thread::sleep_until(
        begin + std::chrono::duration_cast<SteadyClock::duration>(
                    std::chrono::duration<double>(seconds * static_cast<double>(i) / kSamples)));
    out.push_back(resident_bytes());
    if (i % 10 != 0) continue;
    fmt::print(stderr, "{:6.0f} s: {:7.1f} MiB resident, {} pairs\n",
               seconds * static_cast<double>(i) / kSamples,
               static_cast<double>(out.back()) / (1U << 20U), counts.pairs.load());
  }
  return out;
}

/// The greatest of the third fifth and of the last one: what grows has grown in between.
Result<> report(const std::vector<std::uint64_t>& resident, const Counts& counts) {
  const auto greatest = [&](std::size_t from, std::size_t to) {
    return *std::max_element(resident.begin() + static_cast<std::ptrdiff_t>(from),
                             resident.begin() + static_cast<std::ptrdiff_t>(to));
  };
  const std::uint64_t before = greatest(kSamples * 2 / 5, kSamples * 3 / 5);
  const std::uint64_t after = greatest(kSamples * 4 / 5, kSamples);
  fmt::print(
      "{{\"pairs\": {}, \"refused\": {}, \"flawed\": {}, \"agreed\": {}, \"differed\": {}, "
      "\"longest_s\": {:.3f}, \"resident_before_bytes\": {}, \"resident_after_bytes\": {}}}\n",
      counts.pairs.load(), counts.refused.load(), counts.flawed.load(), counts.agreed.load(),
      counts.differed.load(), counts.longest_s.load(), before, after);
  if (after > before + before / 20 + kSlackBytes) {
    return fail(Errc::kInternal, fmt::format("memory grew from {} to {} bytes", before, after));
  }
  if (counts.longest_s > kStall) return fail(Errc::kInternal, "a pair took longer than 30 s");
  return {};
}

}  // namespace

Result<> run_soak(const SoakOptions& options, const BackendOptions& backend_options) {
  const auto backends = open_backends(backend_options);
  if (!backends) return std::unexpected(backends.error());
  const auto store = BenchStore::open();
  if (!store) return std::unexpected(store.error());
  const auto groups = collect(options.files, store->store());
  if (!groups) return std::unexpected(groups.error());
  Artifacts artifacts(store->store(),
                      {.cache_bytes = kCacheBytes, .decoding_bytes = kDecodingBytes, .known = 64},
                      backends->memory.get());
  Evidence evidence(artifacts, *backends->metrics, {}, {.lpips = backends->lpips.get()});
  const std::size_t threads =
      options.threads != 0 ? options.threads : std::max(1U, std::thread::hardware_concurrency());
  const auto end = SteadyClock::now() + std::chrono::duration_cast<SteadyClock::duration>(
                                            std::chrono::duration<double>(options.seconds));
  Counts counts;
  std::vector<Result<>> outcomes(threads);
  std::vector<std::uint64_t> resident;
  {
    std::vector<std::jthread> workers;
    for (std::size_t i = 0; i < threads; ++i) {
      workers.emplace_back([&, i] { outcomes[i] = work(evidence, *groups, i, end, counts); });
    }
    resident = watch_memory(options.seconds, counts);
  }
  for (const auto& outcome : outcomes) {
    if (!outcome) return outcome;
  }
  return report(resident, counts);
}

}  // namespace worldshare::verifier
