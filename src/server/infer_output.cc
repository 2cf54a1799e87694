#include "server/infer_output.h"

#include <algorithm>

#include "api/top_classes.h"
#include "base/finite.h"

namespace smlp::server {
namespace {

// Adds "9.871231:3:cassette player" of each of the best classes, best first.
Result<void> add_best(const ServedModel& model, const Logits& logits, std::size_t count,
                      std::vector<std::string>& lines) {
  SMLP_TRY(best, top_classes(logits, static_cast<int>(count), model.class_names));
  for (const Prediction& p : best) {
    const std::string name = model.class_names.empty() ? "" : ":" + p.label;
    lines.push_back(fmt::format("{:f}:{}{}", logits[static_cast<std::size_t>(p.index)], p.index, name));
  }
  return {};
}

}  // namespace

std::size_t InferOutput::raw_bytes() const {
  if (best.empty()) return rows * columns * sizeof(float);
  std::size_t bytes = 0;
  for (const std::string& element : best) bytes += sizeof(std::uint32_t) + element.size();
  return bytes;
}

void InferOutput::add_raw(std::string& to) const {
  to.reserve(to.size() + raw_bytes());
  for (const std::string& element : best) {
    const auto length = static_cast<std::uint32_t>(element.size());
    to.append(reinterpret_cast<const char*>(&length), sizeof length);
    to += element;
  }
  if (!best.empty()) return;
  for (const Logits& one : logits) to.append(reinterpret_cast<const char*>(one.data()), one.size() * sizeof(float));
}

Answer<void> check_finite(std::span<const Logits> logits) {
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (!all_finite(logits[i])) {
      return refuse(500,
                    "the logits of picture {} are not finite: its values or the model's weights are too large; binary "
                    "data can hold them",
                    i);
    }
  }
  return {};
}

Answer<InferOutput> infer_output(const ServedModel& model, const InferRequest& request,
                                 std::span<const Logits> logits) {
  InferOutput output{.rows = logits.size(), .columns = static_cast<std::size_t>(model.classes), .logits = logits};
  if (request.classification == 0) return output;
  if (const auto finite = check_finite(logits); !finite) return std::unexpected(finite.error());
  output.columns = static_cast<std::size_t>(std::min(request.classification, model.classes));
  for (const Logits& one : logits) {
    if (const auto added = add_best(model, one, output.columns, output.best); !added) {
      return refuse(500, "{}", added.error().what);
    }
  }
  return output;
}

}  // namespace smlp::server
