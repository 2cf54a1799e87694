// readers_tool < LIST: what our readers find in each file of a list of paths, one a line, for readers_test.py.
//
//   F  path
//   T  container, name, type, shape, values      a tensor of a checkpoint, safetensors or ONNX file
//   A  shape, values as float32, as int64        an .npy array
//   E  message                                   the file is refused
//
// Fields are separated by tabs. Texts and values are hexadecimal, little-endian; "!message" stands for refused values.
#include <cstdio>
#include <iostream>
#include <string>

#include "data/npy.h"
#include "formats/read.h"

namespace {

using namespace smlp;

std::string hex(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned>(byte));
  return text;
}
std::string hex(std::string_view text) { return hex(std::as_bytes(std::span(text))); }

template <class T>
std::string values(const Result<std::vector<T>>& found) {
  return found ? hex(std::as_bytes(std::span(*found))) : "!" + found.error().message();
}

std::string shape_of(std::span<const std::int64_t> shape) { return fmt::format("{}", fmt::join(shape, ",")); }

void array(const std::string& path) {
  const auto found = NpyArray::open(path);
  if (!found) return fmt::print("E\t{}\n", found.error().message());
  fmt::print("A\t{}\t{}\t{}\n", shape_of(found->shape()), values(Result<std::vector<float>>(found->to_floats())),
             values(found->to_integers()));
}

void tensors(const std::string& path) {
  const auto found = read_tensor_file(path);
  if (!found) return fmt::print("E\t{}\n", found.error().message());
  for (const Tensor& tensor : found->tensors) {
    fmt::print("T\t{}\t{}\t{}\t{}\t{}\n", hex(tensor.container), hex(tensor.name), hex(tensor.dtype_text),
               shape_of(tensor.shape), values(tensor.to_float()));
  }
}

}  // namespace

int main() {
  for (std::string path; std::getline(std::cin, path);) {
    fmt::print("F\t{}\n", path);
    path.ends_with(".npy") ? array(path) : tensors(path);
  }
  return std::ferror(stdout);
}
