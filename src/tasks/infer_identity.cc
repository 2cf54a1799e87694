#include "tasks/infer_identity.h"

#include "base/sha256.h"

namespace smlp {
namespace {

// The file's own name; a member has that of its archive before it.
std::string given_name(const Input& file) { return file.archive ? file.own_name() : file.file.filename().string(); }

std::string hash_of(const std::string& text) { return sha256_of(std::as_bytes(std::span(text))); }

}  // namespace

std::string list_sha256(std::span<const Input> files) {
  std::string text;
  for (const Input& file : files) text += fmt::format("{}\n{} {}\n", given_name(file), file.bytes, file.rows);
  return hash_of(text);
}

RunIdentity identity_of(const InferFilesOptions& options, const Inputs& inputs, int classes) {
  std::string text = options.input.empty() ? fmt::format("made up {}", static_cast<int>(options.pure)) : "";
  for (const Input& file : inputs.files) {
    text += fmt::format("{}\n{} {} {}", given_name(file), file.bytes, file.mtime_ns, file.rows);
    for (const int label : file.labels()) text += " " + inputs.labels[static_cast<std::size_t>(label)];
    text += '\n';
  }
  const Provenance& from = options.provenance;
  return {.program = from.program(),
          .model_sha256 = from.model_sha256,
          .precision = from.precision,
          .isa = from.isa,
          .preprocess = from.preprocess,
          .inputs_sha256 = hash_of(text),
          .shard = options.shard.text(),
          .format = std::string(result_extension(options.format)),
          .packed = options.packed,
          .classes = classes};
}

}  // namespace smlp
