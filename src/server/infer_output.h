// The output of an inference request, before a front end writes it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "server/served_model.h"

namespace smlp::server {

// Output 'output': FP32 [rows, columns], the logits; or, where a classification was asked for, BYTES [rows, columns] of
// "value:index:label", the best first.
struct InferOutput {
  std::size_t rows = 0, columns = 0;
  std::span<const Logits> logits = {};
  std::vector<std::string> best = {};  // rows * columns of them for BYTES; none for FP32

  std::string_view datatype() const { return best.empty() ? "FP32" : "BYTES"; }
  std::size_t raw_bytes() const;        // what add_raw() adds
  void add_raw(std::string& to) const;  // float32, little-endian; or elements, each behind its length
};

// `logits` stay the caller's. Errors: 500 for logits that are not finite, which neither JSON nor a ranking can show.
Answer<InferOutput> infer_output(const ServedModel& model, const InferRequest& request, std::span<const Logits> logits);

}  // namespace smlp::server
