// What a run of `infer` was given, kept in its folder as `.smlp-inputs.jsonl`, so that whoever scores the results later
// knows which pictures they are of and does not guess:
//
//   {"smlp_inputs":1,"truth":"work/labels.npy","classes":["tench, Tinca tinca",...],"wnids":["n01440764",...]}
//   {"file":"work/bins/batch-00000.bin","stem":"batch-00000","rows":8,"labels":[0,0,3,...]}
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "data/class_list.h"

namespace smlp {

constexpr const char* kInputManifest = ".smlp-inputs.jsonl";

struct InputRecord {
  std::string file;
  std::string stem;                       // of its result
  int rows = 1;                           // pictures
  std::vector<std::int64_t> labels = {};  // one a row; empty: unknown
};

struct InputManifest {
  std::string truth;                     // where the labels came from; empty where some input has none
  std::string missing;                   // then: why
  std::vector<InputRecord> inputs = {};  // all of them, in the order of the run
  ClassList classes = {.names = {}};     // the model's names, as far as it has some; earlier versions left them out
};

// The content of the file.
std::string input_manifest_text(const InputManifest& manifest);
// Nothing where the folder has none. Errors: a file that is damaged, or of another version.
Result<std::optional<InputManifest>> read_input_manifest(const std::filesystem::path& folder);

}  // namespace smlp
