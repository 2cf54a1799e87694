// Where a result comes from: what every JSON and every run folder says of the program, the model, the machine and the
// inputs.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "smlp/session.h"

namespace smlp {

struct Provenance {
  std::string version = {}, commit = {};      // of the program; no commit where it was built outside a repository
  std::string model = {}, model_sha256 = {};  // the file, as it was named, and its bytes
  std::string precision = {}, isa = {};
  int threads = 0;
  std::string preprocess = {};     // see preprocess_text()
  std::string inputs_sha256 = {};  // of the list of all inputs, in order; empty for made-up data
  std::string label_rule = {};     // how each input got its label; empty where labels play no part

  // Version and commit in one word: "0.1.0+9c61c81".
  std::string program() const;
};

std::string_view program_version();
std::string_view program_commit();

// "resize 256 bicubic, centre crop 224, mean 0.485 0.456 0.406, std 0.229 0.224 0.225"
std::string preprocess_text(const Preprocess& how);

// All that a session and its model's file tell. `model_file` may be empty: the bundled model. Errors: a file that
// cannot be read.
Result<Provenance> provenance_of(const Session& session, const std::filesystem::path& model_file,
                                 std::string_view precision);

// Keys: program {version, commit}, model {file, sha256}, precision, isa, threads, preprocess, inputs_sha256, labels.
nlohmann::ordered_json provenance_json(const Provenance& provenance);
std::string provenance_text(const Provenance& provenance);  // the same in one line

}  // namespace smlp
