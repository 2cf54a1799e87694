// NumPy's array files, versions 1 to 3: "\x93NUMPY", version, header length, a Python dict as text, data.
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "base/result.h"

namespace smlp {

// What an array is, as the bytes in front of its data say.
struct NpyHeader {
  std::vector<std::int64_t> shape;
  std::string descr;  // numpy's own word for the type: "<f4"
  char kind = 'f';    // f, i, u, b
  int size = 4;       // bytes of an element
  bool swapped = false, fortran = false;
  std::size_t data_at = 0;  // byte in the file

  std::int64_t elements() const;
  bool plain() const;  // float32 as this machine has it, in C order

  // Elements that follow one another in C order (fortran: the whole array). `data`: out.size() elements of this type.
  void to_floats(std::span<const std::byte> data, std::span<float> out) const;
};

// The header of a file of `file_bytes` bytes, whose data are not read. Errors as those of NpyArray::open.
Result<NpyHeader> read_npy_header(const std::filesystem::path& path, std::uint64_t file_bytes);

// An array in a file that was read. Integers, floats and booleans of any size and byte order, C or Fortran order.
class NpyArray {
 public:
  // Errors name the file: not an .npy, a type that holds no numbers, a length that does not match the shape.
  static Result<NpyArray> open(const std::filesystem::path& path);
  static Result<NpyArray> parse(std::span<const std::byte> bytes, std::shared_ptr<const void> owner = nullptr);

  const std::vector<std::int64_t>& shape() const { return header_.shape; }
  const std::string& descr() const { return header_.descr; }
  bool fortran_order() const { return header_.fortran; }
  std::int64_t elements() const { return header_.elements(); }

  // The data as they lie in the file, where they are float32 in C order; empty for any other array.
  std::span<const float> floats() const;

  // All elements in C order. to_integers() refuses floats with a fraction and numbers beyond 64 bits.
  std::vector<float> to_floats() const;
  Result<std::vector<std::int64_t>> to_integers() const;

 private:
  NpyHeader header_;
  std::span<const std::byte> data_;
  std::shared_ptr<const void> owner_;
};

// The bytes in front of the data of a C-order array, a multiple of 64 long as numpy writes them. descr: "<f4", "<i8".
std::string npy_header(std::string_view descr, std::span<const std::int64_t> shape);

// The file is whole or absent. values: as many as the shape says.
Result<void> write_npy(const std::filesystem::path& path, std::span<const std::int64_t> shape,
                       std::span<const float> values, Existing existing = Existing::keep);
Result<void> write_npy(const std::filesystem::path& path, std::span<const std::int64_t> shape,
                       std::span<const std::int64_t> values, Existing existing = Existing::keep);

}  // namespace smlp
