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

// Errors: 500 where there are infinities or NaN among them, which neither JSON nor an order of classes has.
Answer<void> check_finite(std::span<const Logits> logits);

// `logits` stay the caller's. Errors: where classes are asked for, those of check_finite.
Answer<InferOutput> infer_output(const ServedModel& model, const InferRequest& request, std::span<const Logits> logits);

}  // namespace smlp::server
