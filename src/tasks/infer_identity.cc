#include "tasks/infer_identity.h"

#include "base/sha256.h"

namespace smlp {
namespace {

std::string hash_of(const std::string& text) { return sha256_of(std::as_bytes(std::span(text))); }

}  // namespace

std::string list_sha256(std::span<const InputFile> files) {
  std::string text;
  for (const InputFile& file : files) {
    text += fmt::format("{}\n{} {}\n", file.path.filename().string(), file.bytes, file.rows);
  }
  return hash_of(text);
}

RunIdentity identity_of(const InferFilesOptions& options, std::span<const InputFile> files, int classes) {
  std::string text = options.input.empty() ? fmt::format("made up {}", static_cast<int>(options.pure)) : "";
  for (const InputFile& file : files) {
    text += fmt::format("{}\n{} {} {}\n", file.path.filename().string(), file.bytes, file.mtime_ns, file.rows);
  }
  const Provenance& from = options.provenance;
  return {.program = from.program(),
          .model_sha256 = from.model_sha256,
          .precision = from.precision,
          .isa = from.isa,
          .preprocess = from.preprocess,
          .inputs_sha256 = hash_of(text),
          .shard = "",
          .format = std::string(result_extension(options.format)),
          .packed = options.packed,
          .classes = classes};
}

}  // namespace smlp
