#include "smlp/error.h"

#include <fmt/format.h>

namespace smlp {

std::string Error::message() const {
  std::string line;
  if (!file.empty()) line += file + ": ";
  if (!tensor.empty()) line += fmt::format("tensor '{}': ", tensor);
  line += what;
  if (offset) line += fmt::format(" (at byte {})", *offset);
  if (!remedy.empty()) line += "; " + remedy;
  return line;
}

Error&& Error::in(std::string path) && {
  if (file.empty()) file = std::move(path);
  return std::move(*this);
}

Error&& Error::at(std::uint64_t byte_offset) && {
  if (!offset) offset = byte_offset;
  return std::move(*this);
}

Error&& Error::of_tensor(std::string name) && {
  if (tensor.empty()) tensor = std::move(name);
  return std::move(*this);
}

Error&& Error::fix(std::string advice) && {
  if (remedy.empty()) remedy = std::move(advice);
  return std::move(*this);
}

}  // namespace smlp
