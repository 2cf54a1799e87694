// Where a result comes from: what has to be the same for two results to be the same, kept with each.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "smlp/error.h"
#include "smlp/preprocess.h"

namespace smlp {

class Session;

// What plays no part in a result stays empty.
struct Provenance {
  std::string version = {}, commit = {};  // of the program; commit is empty where the source had none
  std::string model = {}, model_sha256 = {};
  std::string precision = {};
  std::string isa = {};
  int threads = 0;
  std::string preprocess = {};     // see preprocess_text()
  std::string inputs_sha256 = {};  // of the list of all inputs, in order; empty for made-up data
  std::string label_rule = {};     // how each input got its label; empty where labels play no part

  // Version and commit in one word: "0.1.0+9c61c81".
  std::string program() const;

  bool operator==(const Provenance&) const = default;
};

std::string_view program_version();
std::string_view program_commit();

// "resize 256 bicubic, centre crop 224, mean 0.485 0.456 0.406, std 0.229 0.224 0.225"
std::string preprocess_text(const Preprocess& how);

// The program alone, for results in which no model plays a part.
Provenance program_provenance();
// The program and a model's file; empty: the bundled model. Errors: a file that cannot be read.
Result<Provenance> provenance_of_file(const std::filesystem::path& model_file);
// All that a session and its model's file tell.
Result<Provenance> provenance_of(const Session& session, const std::filesystem::path& model_file,
                                 std::string_view precision);

// In what results of one model on one list of inputs may differ, for people: "precision (fp32, bf16)", ...; where the
// model's file lies and how many threads there were is no difference.
std::vector<std::string> differences(const Provenance& a, const Provenance& b);

// Keys: program {version, commit}, model {file, sha256}, precision, isa, threads, preprocess, inputs_sha256, labels;
// null for what plays no part.
nlohmann::ordered_json provenance_json(const Provenance& provenance);
std::string provenance_text(const Provenance& provenance);  // the same in one line
// The reverse; throws json::exception on anything unexpected.
Provenance provenance_of_json(const nlohmann::ordered_json& json);
// The reverse of provenance_text; nothing for a text of another version, which recorded less.
std::optional<Provenance> provenance_of_text(std::string_view text);

}  // namespace smlp
