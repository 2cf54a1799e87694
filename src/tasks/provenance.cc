#include "tasks/provenance.h"

#include "api/load.h"
#include "base/json.h"
#include "base/sha256.h"
#include "smlp/session.h"
#include "tasks/commit.h"  // SMLP_COMMIT, made with each build

namespace smlp {

std::string_view program_version() { return SMLP_VERSION; }
std::string_view program_commit() { return SMLP_COMMIT; }

std::string Provenance::program() const { return commit.empty() ? version : version + "+" + commit; }

std::string preprocess_text(const Preprocess& how) {
  return fmt::format("resize {} {}, centre crop {}, mean {}, std {}", how.resize, interpolation_name(how.interpolation),
                     how.crop, fmt::join(how.mean, " "), fmt::join(how.std, " "));
}

Provenance program_provenance() {
  return {.version = std::string(program_version()), .commit = std::string(program_commit())};
}

Result<Provenance> provenance_of_file(const std::filesystem::path& model_file) {
  SMLP_TRY(file, model_file.empty() ? find_bundled_model() : Result<std::filesystem::path>(model_file));
  Provenance provenance = program_provenance();
  SMLP_TRY(sha256, sha256_file(file));
  provenance.model = file.string();
  provenance.model_sha256 = std::move(sha256);
  return provenance;
}

Result<Provenance> provenance_of(const Session& session, const std::filesystem::path& model_file,
                                 std::string_view precision) {
  SMLP_TRY(provenance, provenance_of_file(model_file));
  provenance.precision = precision;
  provenance.isa = session.isa();
  provenance.threads = session.threads();
  provenance.preprocess = preprocess_text(session.model().preprocessing());
  return std::move(provenance);
}

std::vector<std::string> differences(const Provenance& a, const Provenance& b) {
  std::vector<std::string> out;
  const auto compare = [&](const char* name, const std::string& one, const std::string& other, bool is_hash = false) {
    if (one == other) return;
    const auto shown = [](const std::string& text) { return text.empty() ? "none" : text; };
    out.push_back(is_hash ? name : fmt::format("{} ({}, {})", name, shown(one), shown(other)));
  };
  compare("version of smlp", a.program(), b.program());
  compare("model", a.model_sha256, b.model_sha256, true);
  compare("precision", a.precision, b.precision);
  compare("instruction set", a.isa, b.isa);
  compare("preprocessing", a.preprocess, b.preprocess);
  compare("inputs", a.inputs_sha256, b.inputs_sha256, true);
  compare("labels", a.label_rule, b.label_rule);
  return out;
}

nlohmann::ordered_json provenance_json(const Provenance& p) {
  using Json = nlohmann::ordered_json;
  const auto text = [](const std::string& value) { return value.empty() ? Json() : Json(value); };
  Json model = p.model_sha256.empty() ? Json() : Json({{"file", text(p.model)}, {"sha256", p.model_sha256}});
  return {{"program", {{"version", p.version}, {"commit", text(p.commit)}}},
          {"model", std::move(model)},
          {"precision", text(p.precision)},
          {"isa", text(p.isa)},
          {"threads", p.threads > 0 ? Json(p.threads) : Json()},
          {"preprocess", text(p.preprocess)},
          {"inputs_sha256", text(p.inputs_sha256)},
          {"labels", text(p.label_rule)}};
}

Provenance provenance_of_json(const nlohmann::ordered_json& json) {
  const auto text = [](const nlohmann::ordered_json& value) { return value.is_null() ? "" : value.get<std::string>(); };
  Provenance out{.version = json.at("program").at("version"),
                 .commit = text(json.at("program").at("commit")),
                 .precision = text(json.at("precision")),
                 .isa = text(json.at("isa")),
                 .threads = json.at("threads").is_null() ? 0 : exact<int>(json.at("threads")),
                 .preprocess = text(json.at("preprocess")),
                 .inputs_sha256 = text(json.at("inputs_sha256")),
                 .label_rule = text(json.at("labels"))};
  if (json.at("model").is_null()) return out;
  out.model = text(json.at("model").at("file"));
  out.model_sha256 = json.at("model").at("sha256");
  return out;
}

std::optional<Provenance> provenance_of_text(std::string_view text) {
  const auto json = parse_ordered_json(text);
  if (!json) return std::nullopt;
  try {
    return provenance_of_json(*json);
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

std::string provenance_text(const Provenance& provenance) { return dump_json(provenance_json(provenance)); }

}  // namespace smlp
