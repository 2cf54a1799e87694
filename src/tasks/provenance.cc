#include "tasks/provenance.h"

#include <nlohmann/json.hpp>

#include "api/load.h"
#include "base/sha256.h"
#include "tasks/commit.h"  // SMLP_COMMIT, made with each build

namespace smlp {

std::string_view program_version() { return SMLP_VERSION; }
std::string_view program_commit() { return SMLP_COMMIT; }

std::string Provenance::program() const { return commit.empty() ? version : version + "+" + commit; }

std::string preprocess_text(const Preprocess& how) {
  return fmt::format("resize {} {}, centre crop {}, mean {}, std {}", how.resize, interpolation_name(how.interpolation),
                     how.crop, fmt::join(how.mean, " "), fmt::join(how.std, " "));
}

Result<Provenance> provenance_of(const Session& session, const std::filesystem::path& model_file,
                                 std::string_view precision) {
  SMLP_TRY(file, model_file.empty() ? find_bundled_model() : Result<std::filesystem::path>(model_file));
  SMLP_TRY(sha256, sha256_file(file));
  return Provenance{.version = std::string(program_version()),
                    .commit = std::string(program_commit()),
                    .model = file.string(),
                    .model_sha256 = sha256,
                    .precision = std::string(precision),
                    .isa = std::string(session.isa()),
                    .threads = session.threads(),
                    .preprocess = preprocess_text(session.model().preprocessing())};
}

nlohmann::ordered_json provenance_json(const Provenance& p) {
  using Json = nlohmann::ordered_json;
  const auto text = [](const std::string& value) { return value.empty() ? Json() : Json(value); };
  return {{"program", {{"version", p.version}, {"commit", text(p.commit)}}},
          {"model", {{"file", p.model}, {"sha256", p.model_sha256}}},
          {"precision", p.precision},
          {"isa", p.isa},
          {"threads", p.threads},
          {"preprocess", p.preprocess},
          {"inputs_sha256", text(p.inputs_sha256)},
          {"labels", text(p.label_rule)}};
}

std::string provenance_text(const Provenance& provenance) {
  return provenance_json(provenance).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace smlp
