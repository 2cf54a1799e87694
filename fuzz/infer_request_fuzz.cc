// Requests over HTTP: paths, and bodies of inference requests with and without tensors behind their JSON. What is taken
// is pictures inside of the request's memory, of the sizes that the model takes.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "server/content_coding.h"
#include "server/infer_request.h"
#include "server/request_body.h"
#include "server/routes.h"
#include "support/request_check.h"

using namespace smlp::server;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  // kind, and where the JSON ends
  const std::uint8_t kind = data[0];
  const std::size_t json_bytes = data[1] + std::size_t{256} * data[2];
  const std::span<const std::uint8_t> rest(data + 3, size - 3);
  const std::string_view text(reinterpret_cast<const char*>(rest.data()), rest.size());
  std::string allow;
  (void)find_route(kind % 2 == 0 ? "GET" : "POST", text, allow);
  (void)coding_for(text);

  RequestBody body(json_bytes, 1 << 20);
  if (!body.reserve(rest.size())) return 0;
  const auto room = body.room();
  if (!room || room->size() < rest.size()) return 0;
  if (!rest.empty()) std::memcpy(room->data(), rest.data(), rest.size());
  body.filled(rest.size());
  if (kind % 4 == 3) {
    if (!body.inflate(kind % 8 == 3 ? "gzip" : "deflate")) return 0;
  }
  const InputShape shape{.channels = 1, .size = 2};
  const auto request =
      kind % 4 == 2
          ? parse_raw_request(body.bytes(), "application/octet-stream", shape)
          : parse_infer_request(body.bytes(), kind % 4 == 0 ? std::optional(json_bytes) : std::nullopt, shape);
  if (request) smlp::test::check_request(*request, shape, {body.bytes()});
  return 0;
}
