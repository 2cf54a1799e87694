// The pictures of a prepared file, read one at a time: a file takes no more memory than the rows that are under way.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/open_file.h"
#include "data/input_check.h"
#include "data/npy.h"

namespace smlp {

// A .bin or .npy that stays open. All functions may be called from several threads at once.
class InputRows {
 public:
  // `file` as check_prepared() found it. Errors: one that has changed since, or that cannot be opened.
  static Result<std::shared_ptr<const InputRows>> open(const Input& file, const InputSpec& spec);

  // Picture `row` as float32 CHW.
  Result<void> read(int row, std::span<float> picture) const;

 private:
  InputRows(const Input& file, FileHandle handle) : file_(file), handle_(std::move(handle)) {}

  Input file_;
  FileHandle handle_;
  NpyHeader header_ = {};     // of a .bin: float32, C order, from the first byte on
  std::vector<float> whole_;  // of an array in Fortran order, whose rows do not lie together
};

}  // namespace smlp
