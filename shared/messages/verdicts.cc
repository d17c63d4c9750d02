#include "shared/messages/verdicts.h"

#include <map>

namespace worldshare::messages {
namespace {

constexpr std::size_t kPrefixBytes = 4;
constexpr std::size_t kParcelBytes = 64 * 1024;
constexpr std::size_t kParcelVerdicts = 64;

bool is_full(const VerdictParcel& parcel, std::size_t more_bytes) {
  return parcel.places.size() == kParcelVerdicts ||
         (!parcel.places.empty() && parcel.data.size() + more_bytes > kParcelBytes);
}

void append(VerdictParcel& parcel, std::size_t place, const Bytes& verdict) {
  parcel.places.push_back(place);
  for (std::size_t i = 0; i < kPrefixBytes; ++i)
    parcel.data.push_back(static_cast<std::uint8_t>(verdict.size() >> (8 * i)));
  parcel.data.insert(parcel.data.end(), verdict.begin(), verdict.end());
}

}  // namespace

std::vector<VerdictParcel> pack_verdicts(std::span<const wire::VerdictT> verdicts) {
  std::vector<VerdictParcel> out;
  std::map<std::string, std::size_t> open;  // parcels that are not full, by job
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    const Bytes bytes = encode(verdicts[i]);
    const std::string& job = verdicts[i].job;
    const auto found = open.find(job);
    if (found == open.end() || is_full(out[found->second], kPrefixBytes + bytes.size())) {
      open[job] = out.size();
      out.push_back({job, {}, {}});
    }
    append(out[open[job]], i, bytes);
  }
  return out;
}

Result<std::vector<wire::VerdictT>> unpack_verdicts(ByteView data) {
  if (data.empty() || data.size() > kMaxMessageBytes)
    return fail(Errc::kCorrupt, "message is empty or too large");
  std::vector<wire::VerdictT> out;
  // In a parcel the offset of the first verdict's root stands there: a small number.
  if (data.size() > 2 * kPrefixBytes && is_marked<wire::VerdictT>(data)) {
    auto verdict = decode<wire::VerdictT>(data);
    if (!verdict) return std::unexpected(verdict.error());
    out.push_back(std::move(*verdict));
    return out;
  }
  while (!data.empty()) {
    if (data.size() < kPrefixBytes) return fail(Errc::kCorrupt, "a verdict is cut off");
    std::size_t size = 0;
    for (std::size_t i = 0; i < kPrefixBytes; ++i) size |= std::size_t{data[i]} << (8 * i);
    data = data.subspan(kPrefixBytes);
    if (size > data.size()) return fail(Errc::kCorrupt, "a verdict is cut off");
    auto verdict = decode<wire::VerdictT>(data.first(size));
    if (!verdict) return std::unexpected(verdict.error());
    out.push_back(std::move(*verdict));
    data = data.subspan(size);
  }
  return out;
}

}  // namespace worldshare::messages
