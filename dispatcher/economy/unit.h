#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dispatcher/economy/names.h"
#include "shared/clock.h"
#include "shared/messages/messages.h"
#include "shared/messages/shard.h"

namespace worldshare::dispatcher {

using UnitId = std::int64_t;

/// Into a sorted list without duplicates.
inline void insert(std::vector<OwnerId>& owners, OwnerId owner) {
  const auto place = std::ranges::lower_bound(owners, owner);
  if (place == owners.end() || *place != owner) owners.insert(place, owner);
}

/// Of two sorted lists.
inline std::vector<OwnerId> united(const std::vector<OwnerId>& a, const std::vector<OwnerId>& b) {
  std::vector<OwnerId> all;
  std::ranges::set_union(a, b, std::back_inserter(all));
  return all;
}

/// The trust engine wants another owner to render a result of a unit again in part.
struct AuditOrder {
  std::int64_t id = 0;
  std::uint64_t seed = 0;                  ///< of the tiles
  std::uint32_t tiles = 0;                 ///< about so many; 0: the whole picture, see whole()
  std::uint32_t samples = 0;               ///< that a pixel of an honest frame has
  double cost = 1;                         ///< in renders of the unit
  std::string agent;                       ///< that rendered what is audited
  std::uint32_t slot = 0;                  ///< of it
  bool trusted = false;                    ///< for trusted hardware alone
  std::optional<std::uint32_t> half = {};  ///< of the samples, that the audited result has

  /// A render like any other, by trusted hardware, to hold the unit's results against.
  bool whole() const { return tiles == 0; }
};

struct Lease {
  std::string id;
  UnitId unit = 0;
  std::string job;
  std::string agent;
  std::string owner;
  std::uint32_t slot = 0;
  std::optional<AuditOrder> audit;    ///< absent: it is a replica
  std::optional<std::uint32_t> half;  ///< of the samples; absent: all of them
  bool instead_of_audits = false;     ///< nobody who was connected could audit the unit
  Clock::TimePoint granted_at{};
  Clock::TimePoint expires_at{};
  Clock::TimePoint stored_expiry{};  ///< what its row says; expires_at runs ahead of it
  Clock::TimePoint sent_at{};
  wire::LeasePhase phase = wire::LeasePhase::fetching;
  bool hinted = false;  ///< its agent was told what is likely next
  float progress = 0;
  bool straggling = false;  ///< far beyond its job's time: another replica was asked for

  /// Of trusted hardware: it says nothing about what else its owner may do.
  bool trusted() const { return audit && audit->trusted; }
  /// What is audited tells which samples its audit has; a whole picture has all of them.
  void take(const AuditOrder& order) {
    audit = order;
    if (!order.whole()) half = order.half;
  }
};

/// A unit that has no final verdict yet.
struct Unit {
  UnitId id = 0;
  std::string job;
  messages::Shard shard;
  std::uint32_t parts = 1;         ///< units that its frame is divided into; 2 of a split one
  bool split = false;              ///< its replicas are halves of the samples
  std::uint32_t wanted = 2;        ///< opinions that the trust engine wants in all
  std::set<std::string> opinions;  ///< leases whose results it counts
  std::map<std::string, std::uint32_t> halves;  ///< of the samples, that these have
  std::set<std::string> voids;                  ///< leases whose results it could not use
  std::set<std::string> leases;                 ///< live ones
  std::uint32_t stragglers = 0;                 ///< of these
  std::uint32_t auditing = 0;                   ///< of these: audits
  std::vector<AuditOrder> audits;               ///< that are not answered
  bool unaudited = false;  ///< nobody can do one: a replica is given out instead
  std::uint32_t expiries = 0;
  std::string render_class;  ///< of the first that got it: others of this class are preferred
  // Of volunteers alone: trusted hardware may look at a unit as often as it is asked to.
  std::vector<OwnerId> opinion_owners;  ///< sorted; whose results it counts
  std::vector<OwnerId> owners;  ///< sorted; who holds or held a replica or an audit that counts
  std::vector<OwnerId> void_owners;  ///< sorted; asked again only after everybody else
  std::vector<OwnerId> troubled;     ///< sorted; who lost a lease or reported nothing of use
  std::set<std::string> troubled_agents;
  bool preferred = false;         ///< the artist asked for it now
  bool reissued = false;          ///< accepted; the trust engine wants further opinions
  Clock::TimePoint held_until{};  ///< the sibling is not offered before
  Clock::TimePoint audits_due{};  ///< an audit waits: then it is looked whether anybody can do it
  Clock::TimePoint trusted_since{};  ///< an audit has waited for trusted hardware
};

/// A unit as PostgreSQL knows it.
struct StoredUnit {
  struct Report {
    std::string lease;
    std::string owner;
    bool counts = true;
    bool audit = false;
    bool trusted = false;  ///< of trusted hardware
    std::optional<std::uint32_t> half = {};
  };
  UnitId id = 0;
  std::string job;
  messages::Shard shard;
  std::uint32_t parts = 1;
  bool split = false;
  std::uint32_t wanted = 2;
  std::uint32_t expiries = 0;
  bool reissued = false;
  std::vector<Report> reports;
  std::vector<Lease> leases;
  std::vector<AuditOrder> audits;
};

struct StopOrder {
  std::string agent;
  std::uint32_t slot = 0;
  std::string lease;
  std::string reason;
};

struct UnitFailure {
  UnitId unit = 0;
  std::string reason;
};

}  // namespace worldshare::dispatcher
