// What `infer --input` names: files of prepared pictures (.bin, .npy) and pictures, each checked before any is used.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "smlp/preprocess.h"

namespace smlp {

enum class InputKind { bin, npy, picture };

struct InputFile {
  std::filesystem::path path;
  InputKind kind = InputKind::bin;
  int rows = 1;  // pictures in the file
  std::uint64_t bytes = 0;
  std::int64_t mtime_ns = 0;

  // The name of its result: the file's name up to the first dot.
  std::string stem() const;
};

// What one picture of the model is.
struct InputSpec {
  int channels = 3, side = 224;
  Preprocess how;    // for pictures
  int max_rows = 1;  // pictures that one file may hold: the batch; 0: any number

  std::size_t floats() const {
    return static_cast<std::size_t>(channels) * static_cast<std::size_t>(side) * static_cast<std::size_t>(side);
  }
};

struct InputListing {
  std::vector<InputFile> files;                // of a folder: in natural order of their paths
  std::vector<std::filesystem::path> ignored;  // other files of a folder: notes, labels, ...
  std::vector<std::string> warnings;           // bins that were resized or normalised otherwise than the model says
};

// `input` is what input_paths() takes: files and folders, which are listed with their subfolders as list_folder() does.
// Checked for every file: that it can be read,
// that a .bin holds whole pictures of the model (all as many, but for a last one with fewer), the type and shape of an
// .npy, that a picture is a JPEG or a PNG, that bins of preprocess have the model's
// picture size, and that no two files give results of the same name.
Result<InputListing> list_inputs(std::string_view input, const InputSpec& spec);

}  // namespace smlp
