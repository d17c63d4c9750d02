#include "shared/messages/shard.h"

#include <gtest/gtest.h>

#include "shared/messages/messages.h"
#include "shared/messages/ticket.h"

namespace worldshare::messages {
namespace {

constexpr FrameSize kFrame{161, 91};

Shard full_shard() {
  Shard out{7, 3, 2};
  out.tile = Tile{{0, 45, 64, 91}, 4};
  out.samples = SampleRange{64, 64, 256};
  return out;
}

TEST(Shard, HasOneTextThatReadsBack) {
  EXPECT_EQ(shard_text({7}), "frame=7");
  EXPECT_EQ(shard_text(full_shard()),
            "frame=7 count=3 step=2 tile=0,45,64,91 margin=4 samples=64+64/256");
  for (const Shard& shard : {Shard{-12}, Shard{7, 3}, full_shard()}) {
    const auto again = parse_shard(shard_text(shard));
    ASSERT_TRUE(again) << shard_text(shard);
    EXPECT_EQ(*again, shard);
  }
}

TEST(Shard, KnowsItsFrames) {
  EXPECT_EQ(frames_of({7}), std::vector<std::int32_t>{7});
  const Shard several{-3, 3, 2};
  EXPECT_EQ(frames_of(several), (std::vector<std::int32_t>{-3, -1, 1}));
  for (std::int32_t frame = -6; frame < 5; ++frame)
    EXPECT_EQ(has_frame(several, frame), frame == -3 || frame == -1 || frame == 1) << frame;
}

TEST(Shard, EveryOtherTextIsRefused) {
  for (const char* text :
       {"", "frame=", "frame=07", "frame=+7", "frame=-0", "frame=7 ", " frame=7", "frame=7 count=1",
        "frame=7 step=1", "frame=7 tile=0,0,1", "frame=7 tile=-1,0,2,2", "frame=7 margin=4",
        "frame=7 tile=0,0,2,2 margin=0", "frame=7 samples=0+1/2 tile=0,0,1,1", "frame=99999999999",
        "frame=7 samples=0+1", "frame=7\n"}) {
    const auto shard = parse_shard(text);
    ASSERT_FALSE(shard) << text;
    EXPECT_EQ(shard.error().code, Errc::kInvalid);
  }
}

TEST(Shard, ItsLimitsHold) {
  EXPECT_TRUE(check(full_shard(), kFrame));
  EXPECT_TRUE(check({7}, kFrame));
  const auto refused = [](auto change) {
    Shard shard = full_shard();
    change(shard);
    return !check(shard, kFrame);
  };
  EXPECT_TRUE(refused([](Shard& s) { s.frame_count = 0; }));
  EXPECT_TRUE(refused([](Shard& s) { s.frame_count = kMaxShardFrames + 1; }));
  EXPECT_TRUE(refused([](Shard& s) { s.frame_step = 0; }));
  EXPECT_TRUE(refused([](Shard& s) { s.frame_count = 1; })) << "a step without frames";
  EXPECT_TRUE(refused([](Shard& s) { s.frame = kLastFrame - 3; }));
  EXPECT_TRUE(refused([](Shard& s) { s.frame_step = 4'000'000'000U; }));
  EXPECT_TRUE(refused([](Shard& s) { s.tile->box.x1 = 0; }));
  EXPECT_TRUE(refused([](Shard& s) { s.tile->box.y1 = 92; }));
  EXPECT_TRUE(refused([](Shard& s) { s.tile->box.x0 = 70; }));
  EXPECT_TRUE(refused([](Shard& s) { s.tile->box = {0, 0, 161, 91}; })) << "the whole frame";
  EXPECT_TRUE(refused([](Shard& s) { s.tile->margin = kMaxTileMargin + 1; }));
  EXPECT_TRUE(refused([](Shard& s) { s.samples->count = 0; }));
  EXPECT_TRUE(refused([](Shard& s) { s.samples->count = 193; }));
  EXPECT_TRUE(refused([](Shard& s) { s.samples->first = 4'000'000'000U; }));
  EXPECT_TRUE(refused([](Shard& s) { s.samples = SampleRange{0, 256, 256}; })) << "all of them";
  EXPECT_TRUE(refused([](Shard& s) { s.samples->total = kMaxShardSamples + 1; }));
}

TEST(Shard, TheMarginEndsAtTheFrame) {
  Shard shard{1};
  EXPECT_EQ(rendered_box(shard, kFrame), (PixelBox{0, 0, 161, 91}));
  shard.tile = Tile{{3, 45, 64, 90}, 4};
  EXPECT_EQ(rendered_box(shard, kFrame), (PixelBox{0, 41, 68, 91}));
}

TEST(Shard, TravelsInAnAssignment) {
  wire::AssignmentT assignment;
  assignment.frame = 7;
  assignment.output = std::make_unique<wire::OutputT>();
  assignment.output->width = kFrame.width;
  assignment.output->height = kFrame.height;
  assignment.shard = to_wire(full_shard());
  wire::WorkT work;
  work.body.Set(std::move(assignment));
  auto decoded = decode<wire::WorkT>(encode(work));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(shard_of(*decoded->body.AsAssignment()).value(), full_shard());
  decoded->body.AsAssignment()->output->height = 90;
  EXPECT_FALSE(shard_of(*decoded->body.AsAssignment()));
  decoded->body.AsAssignment()->output.reset();
  EXPECT_FALSE(shard_of(*decoded->body.AsAssignment()));
}

TEST(Ticket, OfAWholeFrameIsWhatItWas) {
  EXPECT_EQ(to_wire({7}), nullptr);
  const Ticket ticket{"lease", "agent", "scene", {7}};
  EXPECT_EQ(ticket_text(ticket), "worldshare ticket 1\nlease\nagent\nscene\n7\n");
}

TEST(Ticket, BindsEveryPartOfTheShard) {
  const NKey key = NKey::generate();
  const Ticket ticket{"lease", "agent", "scene", full_shard()};
  const Bytes signature = sign_ticket(key, ticket);
  TicketCheck tickets(key.public_key());
  EXPECT_TRUE(tickets.holds(ticket, signature));
  const auto passes = [&](auto change) {
    Ticket other = ticket;
    change(other.shard);
    return tickets.holds(other, signature);
  };
  EXPECT_FALSE(passes([](Shard& s) { s.frame = 8; }));
  EXPECT_FALSE(passes([](Shard& s) { s.frame_count = 2; }));
  EXPECT_FALSE(passes([](Shard& s) { s.frame_step = 1; }));
  EXPECT_FALSE(passes([](Shard& s) { s.tile.reset(); }));
  EXPECT_FALSE(passes([](Shard& s) { s.tile->box.x1 = 65; }));
  EXPECT_FALSE(passes([](Shard& s) { s.tile->margin = 0; }));
  EXPECT_FALSE(passes([](Shard& s) { s.samples.reset(); }));
  EXPECT_FALSE(passes([](Shard& s) { s.samples->first = 0; }));
  EXPECT_FALSE(passes([](Shard& s) { s = Shard{7}; }));
}

std::vector<Ticket> tickets_of(std::size_t count) {
  std::vector<Ticket> out;
  for (std::size_t i = 0; i < count; ++i)
    out.push_back({"lease " + std::to_string(i), "agent", "scene", {static_cast<int>(i)}});
  return out;
}

TEST(Ticket, ThoseUnderOneSignatureHoldForTheirLeasesAlone) {
  const NKey key = NKey::generate();
  for (std::size_t count = 0; count <= 2 * kTicketsOfASignature + 1; ++count) {
    const auto tickets = tickets_of(count);
    const auto bytes = sign_tickets(key, tickets);
    ASSERT_EQ(bytes.size(), count);
    TicketCheck check(key.public_key());
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_TRUE(is_ticket(bytes[i]));
      for (std::size_t j = 0; j < count; ++j)
        EXPECT_EQ(check.holds(tickets[j], bytes[i]), i == j) << i << " " << j << " of " << count;
    }
  }
  // 64 bytes alone; a signature and the way to it, four steps of 33 bytes, otherwise.
  const auto bytes = sign_tickets(key, tickets_of(kTicketsOfASignature + 1));
  EXPECT_EQ(bytes.front().size(), 64U + 4 * 33);
  EXPECT_EQ(bytes.back(), sign_ticket(key, tickets_of(kTicketsOfASignature + 1).back()));
}

TEST(Ticket, NoByteOfOneUnderASharedSignatureMayChange) {
  const NKey key = NKey::generate();
  const auto tickets = tickets_of(5);
  const auto bytes = sign_tickets(key, tickets);
  TicketCheck check(key.public_key());
  for (std::size_t at = 0; at < bytes[3].size(); ++at) {
    Bytes other = bytes[3];
    other[at] = other[at] == 0 ? 1 : 0;
    EXPECT_FALSE(check.holds(tickets[3], other)) << at;
    other[at] = static_cast<std::uint8_t>(bytes[3][at] + 2);
    EXPECT_FALSE(check.holds(tickets[3], other)) << at;
  }
  Bytes longer = bytes[3];
  longer.resize(longer.size() + 33);
  EXPECT_FALSE(check.holds(tickets[3], longer));
  Bytes shorter = bytes[3];
  shorter.resize(shorter.size() - 33);
  EXPECT_FALSE(check.holds(tickets[3], shorter));
  for (const std::size_t size : {0U, 63U, 65U, 96U, 64U + 5 * 33})
    EXPECT_FALSE(is_ticket(Bytes(size))) << size;
  EXPECT_FALSE(TicketCheck(NKey::generate().public_key()).holds(tickets[3], bytes[3]));
  EXPECT_TRUE(check.holds(tickets[3], bytes[3]));
  // The signature over a tree is none over a ticket.
  Bytes signature = bytes[3];
  signature.resize(64);
  EXPECT_FALSE(check.holds(tickets[3], signature));
}

}  // namespace
}  // namespace worldshare::messages
