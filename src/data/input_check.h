// Inputs looked at before any is used: prepared files (.bin, .npy) against what the model takes, and whether the files
// of pictures are there.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/inputs.h"
#include "smlp/preprocess.h"

namespace smlp {

// What one picture of the model is.
struct InputSpec {
  int channels = 3, side = 224;
  Preprocess how;    // for pictures
  int max_rows = 1;  // pictures that one file may hold: the batch; 0: any number

  std::size_t floats() const {
    return static_cast<std::size_t>(channels) * static_cast<std::size_t>(side) * static_cast<std::size_t>(side);
  }
};

// Fills in rows, bytes and mtime_ns of .bin and .npy files. Checked: that each can be read, that a .bin holds whole
// pictures of the model (all as many, but for a last one with fewer), the type and shape of an .npy, that bins of
// preprocess are all there and have the model's picture size. `warnings` gets bins that were resized or normalised
// otherwise than the model says.
Result<void> check_prepared(std::span<Input> inputs, const InputSpec& spec, std::vector<std::string>& warnings);

// Fills in bytes and mtime_ns of pictures, of which each has to be there. None is opened: that may take long.
Result<void> check_pictures(std::span<Input> inputs, const InputSpec& spec);

// No two inputs may give results of the same name.
Result<void> check_result_names(std::span<const Input> inputs);

}  // namespace smlp
