// What makes two runs the same.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace smlp {

// Everything that results depend on, to the bit. The batch, the number of threads, the mode, repetitions and class
// names are not here: results do not depend on them, and a run may be resumed with others.
struct RunIdentity {
  std::string program = {};        // version and commit: another version may round differently
  std::string model_sha256 = {};   // of the file, its weights, preprocessing and formats included
  std::string precision = {};      // "fp32"
  std::string isa = {};            // results of two instruction sets differ in their last bits
  std::string preprocess = {};     // how pictures are prepared, overrides of the command line included
  std::string inputs_sha256 = {};  // names, sizes and times of change of all inputs, in order
  std::string labels = {};         // the rule that gave the inputs' labels; empty where they play no part
  std::string shard = {};          // "2/4"; empty: all inputs
  std::string format = {};         // ".npy"; "evaluation" where results are counted
  bool packed = false;
  int classes = 0;

  bool operator==(const RunIdentity&) const = default;
};

// What differs, for people: "precision (fp32 there, bf16 now)", ...; empty for equal ones.
std::vector<std::string> differences(const RunIdentity& recorded, const RunIdentity& now);

// As journals keep it. The reading throws json::exception on anything unexpected.
nlohmann::ordered_json identity_json(const RunIdentity& identity);
RunIdentity identity_of_json(const nlohmann::ordered_json& json);

}  // namespace smlp
