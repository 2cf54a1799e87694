// An inference request of the Open Inference Protocol, version 2 (KServe "Predict Protocol - Version 2", with Triton's
// binary tensor extension and its classification extension):
//
//   {"id": "7", "parameters": {...},
//    "inputs":  [{"name": "input", "datatype": "FP32", "shape": [1,3,224,224], "data": [...]}],
//    "outputs": [{"name": "output", "parameters": {"classification": 5, "binary_data": true}}]}
//
// With binary data, the JSON is followed by the tensors' bytes, in the order of the inputs; the header
// Inference-Header-Content-Length says where the JSON ends.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "server/reply.h"
#include "smlp/batcher.h"

namespace smlp::server {

// What a model's requests have to fit.
struct InputShape {
  int channels = 3, size = 224;
  std::size_t values() const {
    return static_cast<std::size_t>(channels) * static_cast<std::size_t>(size) * static_cast<std::size_t>(size);
  }
};

inline constexpr std::size_t kMaxPictures = 4096;  // of a request
inline constexpr int kPriorityLevels = 8;          // 1 goes first
inline constexpr int kDefaultPriority = 4;
inline constexpr std::size_t kMaxJsonRequest = 32 << 20;  // bytes of its JSON part
inline constexpr std::size_t kMaxJsonLevels = 16;

struct InferRequest {
  std::string id;
  std::vector<BatcherInput> pictures;     // of the body's memory, or of `values`
  std::vector<float> values;              // tensors that came as JSON numbers, or that lay unaligned
  int classification = 0;                 // number of classes asked for instead of logits; 0: logits
  bool binary_by_default = false;         // what the request says of its outputs
  std::optional<bool> binary_asked = {};  // and what it says of this one
  bool binary_output() const { return binary_asked.value_or(binary_by_default); }
  int priority = kDefaultPriority;
  std::optional<std::chrono::microseconds> timeout = {};
};

// `body` begins at a place that makes the binary part aligned (see request_body.h) and is followed by at least
// kBodyPadding readable bytes. `json_bytes`: the JSON's length; nothing: all of the body is JSON.
Answer<InferRequest> parse_infer_request(std::span<const std::byte> body, std::optional<std::size_t> json_bytes,
                                         const InputShape& shape);

// A body that is the input itself: one JPEG or PNG (by content type, or by its first bytes), or prepared float32
// tensors of the model's shape.
Answer<InferRequest> parse_raw_request(std::span<const std::byte> body, std::string_view content_type,
                                       const InputShape& shape);

}  // namespace smlp::server
