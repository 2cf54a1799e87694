// A file of results that the user named. It is begun before the work, so that a wrong path costs no time, and written
// whole at the end.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>

#include "base/atomic_file.h"
#include "base/sha256.h"

namespace smlp {

// Whether the first bytes of a file say that a command of ours wrote it.
using IsOurs = std::function<bool(std::string_view start)>;

// What --force may replace: nothing, an empty file, and what `is_ours`. Errors: any other file, a link, a device.
// `what` says what is expected there: "a compiled model".
Result<void> check_replaceable(const std::filesystem::path& path, const IsOurs& is_ours, std::string_view what);

// Deletes what killed runs left of this file: hidden, and as large as a model. It goes before the file is begun anew,
// since where locks fail the new one would look like it. In a folder that is not there, nothing is.
Result<void> clear_leftovers(const std::filesystem::path& path);

// The error that writing `path` would end with, found before long work. Nothing is left there, nor what killed runs
// left.
Result<void> check_writable(const std::filesystem::path& path, Existing existing);

class NamedOutput {
 public:
  enum class Mode {
    fresh,   // a file that is there is an error
    resume,  // a file that is there must have the bytes that are written
    force,   // it is replaced where check_replaceable() says so
  };

  static Result<NamedOutput> create(const std::filesystem::path& path, Mode mode, const IsOurs& is_ours,
                                    std::string_view what);

  Result<void> write(std::string_view text);
  Result<void> commit();

 private:
  NamedOutput(std::filesystem::path path, Mode mode, AtomicFile file)
      : path_(std::move(path)), mode_(mode), file_(std::move(file)) {}

  std::filesystem::path path_;
  Mode mode_;
  AtomicFile file_;
  Sha256 hash_;
};

}  // namespace smlp
