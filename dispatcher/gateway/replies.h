#pragma once

#include <string>

#include "shared/blobs/store.h"
#include "shared/http/server.h"
#include "shared/messages/messages.h"
#include "shared/result.h"

namespace worldshare::dispatcher {

/// An RFC 9457 problem document. A detail that begins "field: " names the field of bad input.
http::Reply problem(unsigned status, const std::string& detail);
/// The same for an error, with the status that fits it.
http::Reply problem(const Error& error);

/// The same of a kind of its own: type "urn:worldshare:problem:<kind>".
http::Reply problem_of(const std::string& kind,
                       const std::string& title,
                       unsigned status,
                       const std::string& detail);

/// 401, or 503 when it could not be found out who asks.
http::Reply not_known(const Error& error);

template <class Table>
http::Reply json(unsigned status, const Table& table) {
  return {status, "application/json", messages::to_json(table), {}, {}};
}

/// An upload on its way into the store.
class BlobSink final : public http::BodySink {
 public:
  explicit BlobSink(blobs::Store::Upload upload) : upload_(std::move(upload)) {}
  Result<> write(ByteView bytes) override { return upload_.write(bytes); }
  http::Reply finish() override {
    if (auto ok = upload_.commit(); !ok) return problem(ok.error());
    return {201, "application/json", "{}", {}, {}};
  }
  http::Reply on_error(const Error& error) override {
    return error.code == Errc::kInvalid ? problem(413, error.message) : problem(error);
  }

 private:
  blobs::Store::Upload upload_;
};

}  // namespace worldshare::dispatcher
