#include "tasks/classify.h"

#include "api/session_pass.h"
#include "api/top_classes.h"
#include "pipeline/image_source.h"

namespace smlp {
namespace {

class BestClasses final : public Sink {
 public:
  BestClasses(const Model& model, std::span<const std::filesystem::path> files, int top, const HearAnswer& hear)
      : model_(model), files_(files), top_(top), hear_(hear) {}

  Result<void> put(std::size_t index, Result<std::span<const float>> logits) override {
    if (!logits) return hear_(index, std::unexpected(std::move(logits).error()));
    auto best = top_classes(*logits, top_, model_.class_names());
    if (!best) best.error().file = files_[index].string();
    return hear_(index, best);
  }

 private:
  const Model& model_;
  std::span<const std::filesystem::path> files_;
  int top_;
  const HearAnswer& hear_;
};

}  // namespace

Result<void> classify_files(Session& session, std::span<const std::filesystem::path> files, int top,
                            const HearAnswer& hear) {
  PathSource source(files.size(), [&](std::size_t i) -> const std::filesystem::path& { return files[i]; });
  BestClasses sink(session.model(), files, top, hear);
  return run_pass(session, source, sink, pass_options(session));
}

}  // namespace smlp
