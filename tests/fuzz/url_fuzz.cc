#include <cstddef>
#include <cstdint>
#include <string>

#include "shared/blobs/signed_url.h"
#include "shared/bytes.h"

// The query of a blob URL: without the secret no text is a grant.

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace blobs = worldshare::blobs;
  static const blobs::UrlSigner kSigner(std::string(32, 's'), "http://127.0.0.1:1");
  const std::string blob(64, 'a');
  const auto text = worldshare::as_text({data, size});
  const auto grant = kSigner.check(blobs::Access::kGet, blob, text, worldshare::from_unix_ms(0));
  // The seed is a signature for this blob, one byte long.
  WS_CHECK(!grant || grant->size_bytes == 1, "nothing else is a grant");
  return 0;
}
