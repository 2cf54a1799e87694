#include "tasks/classify.h"

#include "api/session_pass.h"
#include "api/top_classes.h"
#include "tasks/input_source.h"

namespace smlp {
namespace {

class BestClasses final : public Sink {
 public:
  BestClasses(const Model& model, const InputSource& source, int top, const HearAnswer& hear)
      : model_(model), source_(source), top_(top), hear_(hear) {}

  Result<void> put(std::size_t index, Result<std::span<const float>> logits) override {
    const std::string name = source_.name(index);
    if (!logits) return hear_(index + 1, name, std::unexpected(std::move(logits).error()));
    auto best = top_classes(*logits, top_, model_.class_names());
    if (!best) best.error().file = name;
    return hear_(index + 1, name, best);
  }

 private:
  const Model& model_;
  const InputSource& source_;
  int top_;
  const HearAnswer& hear_;
};

}  // namespace

Result<void> classify_inputs(Session& session, std::span<const Input> inputs, int top, const HearAnswer& hear) {
  InputSource source(inputs, input_spec(session.model()));
  BestClasses sink(session.model(), source, top, hear);
  return run_pass(session, source, sink, pass_options(session));
}

}  // namespace smlp
