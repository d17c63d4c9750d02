#include "shared/messages/verdicts.h"

#include <gtest/gtest.h>

namespace worldshare::messages {
namespace {

wire::VerdictT verdict(const std::string& job, const std::string& lease) {
  wire::VerdictT out;
  out.job = job;
  out.lease = lease;
  return out;
}

std::vector<std::string> leases(const VerdictParcel& parcel) {
  std::vector<std::string> out;
  const auto verdicts = unpack_verdicts(parcel.data);
  EXPECT_TRUE(verdicts);
  for (const auto& one : *verdicts) out.push_back(one.lease);
  return out;
}

TEST(Verdicts, ThoseOfAJobTravelTogetherInTheirOrder) {
  const std::vector<wire::VerdictT> all{verdict("a", "1"), verdict("b", "2"), verdict("a", "3")};
  const auto parcels = pack_verdicts(all);
  ASSERT_EQ(parcels.size(), 2U);
  EXPECT_EQ(parcels[0].job, "a");
  EXPECT_EQ(parcels[0].places, (std::vector<std::size_t>{0, 2}));
  EXPECT_EQ(leases(parcels[0]), (std::vector<std::string>{"1", "3"}));
  EXPECT_EQ(parcels[1].job, "b");
  EXPECT_EQ(leases(parcels[1]), (std::vector<std::string>{"2"}));
}

TEST(Verdicts, AParcelStaysSmall) {
  std::vector<wire::VerdictT> many;
  for (int i = 0; i < 130; ++i) many.push_back(verdict("a", std::to_string(i)));
  many.back().reason = std::string(200'000, 'x');
  const auto parcels = pack_verdicts(many);
  ASSERT_EQ(parcels.size(), 4U);
  EXPECT_EQ(parcels[0].places.size(), 64U);
  EXPECT_EQ(parcels[1].places.size(), 64U);
  EXPECT_EQ(parcels[2].places.size(), 1U);
  EXPECT_EQ(leases(parcels[3]), (std::vector<std::string>{"129"}));
}

TEST(Verdicts, WhatIsCutOffOrForeignIsCorrupt) {
  const std::vector<wire::VerdictT> all{verdict("a", "1"), verdict("a", "2")};
  const Bytes whole = pack_verdicts(all).front().data;
  const std::size_t first = 4U + encode(all[0]).size();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto part = unpack_verdicts(ByteView(whole).first(size));
    EXPECT_EQ(part.has_value(), size == first) << size;
    EXPECT_TRUE(part || part.error().code == Errc::kCorrupt) << size;
  }
  EXPECT_FALSE(unpack_verdicts(Bytes(8, 0xff)));
}

TEST(Verdicts, OneWithoutItsSizeIsReadAsOlderVerifiersWriteIt) {
  const Bytes bare = encode(verdict("a", "1"));
  const auto read = unpack_verdicts(bare);
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->size(), 1U);
  EXPECT_EQ(read->front().lease, verdict("a", "1").lease);
  EXPECT_FALSE(unpack_verdicts(ByteView(bare).first(bare.size() / 2)));
}

}  // namespace
}  // namespace worldshare::messages
