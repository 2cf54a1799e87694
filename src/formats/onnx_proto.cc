#include "formats/onnx_proto.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <string>
#include <utility>

#include "base/printable.h"
#include "formats/onnx_graph.h"

namespace smlp::graph {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLargestProto = std::numeric_limits<std::int32_t>::max();
constexpr int kDeepestProto = 100;

// An empty message of 2 bytes becomes an object of some 300, so that a hostile file of nothing but messages would take
// a hundred times its size and more. The largest real graphs of this network have some 100,000 texts and messages, and
// what holds more has more bytes for each.
constexpr std::uint64_t kFields = 200'000, kBytesAField = 10;

struct Named {
  DType type;
  const char* text;
};

Named dtype_of(int type) {
  using P = onnx::TensorProto;
  switch (type) {
    case P::FLOAT:
      return {DType::f32, "float32"};
    case P::DOUBLE:
      return {DType::f64, "float64"};
    case P::FLOAT16:
      return {DType::f16, "float16"};
    case P::BFLOAT16:
      return {DType::bf16, "bfloat16"};
    case P::INT64:
      return {DType::i64, "int64"};
    case P::INT32:
      return {DType::i32, "int32"};
    case P::INT16:
      return {DType::i16, "int16"};
    case P::INT8:
      return {DType::i8, "int8"};
    case P::UINT8:
      return {DType::u8, "uint8"};
    case P::BOOL:
      return {DType::boolean, "bool"};
    case P::UINT16:
      return {DType::other, "uint16"};
    case P::UINT32:
      return {DType::other, "uint32"};
    case P::UINT64:
      return {DType::other, "uint64"};
    case P::COMPLEX64:
      return {DType::other, "complex64"};
    case P::COMPLEX128:
      return {DType::other, "complex128"};
    case P::STRING:
      return {DType::other, "string"};
    default:
      return {DType::other, "a type of a later ONNX"};
  }
}

// Texts and messages in a serialized message and in all that is in it, up to `most`. Text and weights are looked into
// as if they were messages, which adds little: they stop being well-formed after a few bytes.
std::uint64_t count_fields(std::span<const std::byte> bytes, int depth, std::uint64_t most) {
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  std::uint64_t count = 0;
  while (const std::uint32_t tag = in.ReadTag()) {
    std::uint64_t number = 0;
    std::uint32_t length = 0;
    bool fine = count <= most;
    switch (tag & 7U) {
      case 0:
        fine = fine && in.ReadVarint64(&number);
        break;
      case 1:
        fine = fine && in.Skip(8);
        break;
      case 5:
        fine = fine && in.Skip(4);
        break;
      case 2: {
        ++count;
        fine = fine && in.ReadVarint32(&length);
        const auto at = static_cast<std::size_t>(in.CurrentPosition());
        if (!fine || length > bytes.size() - at) return count;  // the parser proper says what is wrong
        if (depth > 0) count += count_fields(bytes.subspan(at, length), depth - 1, most);
        fine = in.Skip(static_cast<int>(length));
        break;
      }
      default:
        fine = false;
    }
    if (!fine) return count;
  }
  return count;
}

template <class Field>
std::span<const std::byte> bytes_of(const Field& field) {
  return std::as_bytes(std::span(field.data(), static_cast<std::size_t>(field.size())));
}

// Elements of a shape, bounded so that bytes can be counted in 64 bits.
Result<std::int64_t> count_elements(const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) {
    if (extent < 0) return fail("a negative extent in shape {}", shape_text(shape));
    if (__builtin_mul_overflow(count, extent, &count) || count > (std::int64_t{1} << 40)) {
      return fail("shape {} is too large", shape_text(shape));
    }
  }
  return count;
}

// Where the data of a tensor are. Readers differ in which they take of a key that is there twice.
Result<std::map<std::string, std::string>> external_entries(const onnx::TensorProto& proto) {
  std::map<std::string, std::string> entries;
  for (const auto& pair : proto.external_data()) {
    if (!entries.emplace(pair.key(), pair.value()).second) {
      return fail("external data with two '{}'", shortened(pair.key(), 40));
    }
  }
  if (entries["location"].contains('\0')) return fail("external data in a file with a zero byte in its name");
  if (proto.has_raw_data() || proto.float_data_size() + proto.double_data_size() + proto.int32_data_size() +
                                      proto.int64_data_size() + proto.uint64_data_size() >
                                  0) {
    return fail("data of its own beside external data");
  }
  return entries;
}

Result<std::uint64_t> number_in(const std::map<std::string, std::string>& entries, const char* key,
                                std::uint64_t fallback) {
  const auto found = entries.find(key);
  if (found == entries.end()) return fallback;
  const std::string& text = found->second;
  std::uint64_t number = 0;
  const auto [at, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code == std::errc() && at == text.data() + text.size()) return number;
  return fail(Error{.what = fmt::format("external data whose {} is '{}', no number of bytes", key, shortened(text, 40)),
                    .remedy = "the file is damaged; export it again"});
}

}  // namespace

Result<std::shared_ptr<const onnx::ModelProto>> parse_model(std::span<const std::byte> bytes) {
  if (bytes.size() > kLargestProto) {
    return fail(Error{.what = "an ONNX file of more than 2 GB", .remedy = "save its weights as external data"});
  }
  if (const std::uint64_t most = kFields + bytes.size() / kBytesAField;
      count_fields(bytes, kDeepestProto, most) > most) {
    return fail("more than {} texts and messages in its protobuf, which no model of {} bytes has", most, bytes.size());
  }
  const google::protobuf::LogSilencer silence;
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  in.SetRecursionLimit(kDeepestProto);
  auto model = std::make_shared<onnx::ModelProto>();
  try {
    if (!model->ParseFromCodedStream(&in) || !in.ConsumedEntireMessage()) {
      return fail(Error{.what = "not a whole ONNX file: its protobuf does not parse",
                        .offset = static_cast<std::uint64_t>(in.CurrentPosition()),
                        .remedy = "the file is cut off or damaged; export it again"});
    }
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    return fail("protobuf cannot read it: {}", error.what());
  }
  if (!model->has_graph()) return fail("an ONNX file without a graph");
  return model;
}

Result<Tensor> TensorReader::read(const onnx::TensorProto& proto) {
  const auto [type, text] = dtype_of(proto.data_type());
  Tensor tensor;
  tensor.name = proto.name();
  tensor.dtype = type;
  tensor.dtype_text = text;
  const auto located = [&](Error error) { return fail(std::move(error).of_tensor(proto.name())); };
  if (std::cmp_greater(proto.dims_size(), kMaxRank)) {
    return located({.what = fmt::format("{} dimensions; at most {} are possible", proto.dims_size(), kMaxRank)});
  }
  tensor.shape.assign(proto.dims().begin(), proto.dims().end());
  auto count = count_elements(tensor.shape);
  if (!count) return located(std::move(count).error());
  tensor.strides = contiguous_strides(tensor.shape);
  if (type == DType::other) return tensor;

  auto found = [&]() -> Result<std::span<const std::byte>> {
    if (proto.data_location() == onnx::TensorProto::EXTERNAL) return external(proto);
    if (proto.has_raw_data()) return bytes_of(proto.raw_data());
    switch (type) {
      case DType::f32:
        return bytes_of(proto.float_data());
      case DType::f64:
        return bytes_of(proto.double_data());
      case DType::i64:
        return bytes_of(proto.int64_data());
      case DType::i32:
        return bytes_of(proto.int32_data());
      default:
        return narrow(proto, type);
    }
  }();
  if (!found) return located(std::move(found).error());
  const std::uint64_t wanted = static_cast<std::uint64_t>(*count) * dtype_size(type);
  if (found->size() != wanted) {
    return located(Error{.what = fmt::format("{} bytes of data, expected {} for {} {}", found->size(), wanted, text,
                                             tensor.shape_text()),
                         .remedy = "the file is damaged; export it again"});
  }
  tensor.storage = *found;
  return tensor;
}

// The types of fewer than 32 bits are kept one to an int32.
Result<std::span<const std::byte>> TensorReader::narrow(const onnx::TensorProto& proto, DType type) {
  const std::size_t size = dtype_size(type);
  auto packed = std::make_shared<std::vector<std::byte>>();
  packed->reserve(static_cast<std::size_t>(proto.int32_data_size()) * size);
  for (const std::int32_t value : proto.int32_data()) {
    const auto low = static_cast<std::uint32_t>(value);
    packed->push_back(static_cast<std::byte>(low & 0xffU));
    if (size == 2) packed->push_back(static_cast<std::byte>(low >> 8U & 0xffU));
  }
  owners_.push_back(packed);
  return std::span<const std::byte>(*packed);
}

Result<std::span<const std::byte>> TensorReader::external(const onnx::TensorProto& proto) {
  SMLP_TRY(entries, external_entries(proto));
  const std::string& location = entries["location"];
  SMLP_TRY(bytes, open_external(location));
  SMLP_TRY(offset, number_in(entries, "offset", 0));
  const std::uint64_t rest = bytes.size() - std::min<std::uint64_t>(offset, bytes.size());
  SMLP_TRY(length, number_in(entries, "length", rest));
  if (offset > bytes.size() || length > rest) {
    return fail(Error{.what = fmt::format("{} bytes from byte {} of {} wanted, which has only {}", length, offset,
                                          location, bytes.size()),
                      .remedy = "the file of weights is cut off or of another model"});
  }
  return bytes.subspan(offset, length);
}

// Only files in the model's own folder or below it: a model from elsewhere must not make us read other files.
Result<std::span<const std::byte>> TensorReader::open_external(const std::string& location) {
  const fs::path relative(location);
  bool inside = !folder_.empty() && !location.empty() && relative.is_relative();
  for (const fs::path& part : relative) inside = inside && part != "..";
  std::error_code code;
  fs::path real;
  if (inside) {
    real = fs::weakly_canonical(folder_ / relative, code);
    const fs::path inner = code ? fs::path() : real.lexically_relative(fs::canonical(folder_, code));
    inside = !code && !inner.empty() && *inner.begin() != "..";
  }
  if (!inside) {
    return fail(
        Error{.what = fmt::format("its data is to be read from '{}', which is not in the model's folder", location),
              .remedy = "put the file of weights beside the model"});
  }
  // One file under many spellings ("w", "./w") is read once.
  if (const auto known = files_.find(real.string()); known != files_.end()) return known->second->bytes();
  auto file = FileMap::open(real, kMaxFileBytes - external_bytes_);
  if (!file) {
    Error error = std::move(file).error();
    error.remedy = "the model keeps weights in this file: copy it beside the model";
    return fail(std::move(error));
  }
  files_.emplace(real.string(), *file);
  owners_.push_back(*file);
  external_bytes_ += (*file)->bytes().size();
  return (*file)->bytes();
}

}  // namespace smlp::graph
