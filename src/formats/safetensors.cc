#include "formats/safetensors.h"

#include <algorithm>
#include <limits>
#include <set>

#include "base/byte_reader.h"
#include "base/json.h"

namespace smlp {
namespace {

constexpr std::uint64_t kMaxHeader = 100'000'000;  // the reference implementation's limit
constexpr std::size_t kMaxRank = 64;

struct TypeName {
  std::string_view name;
  DType type;
  std::int64_t bits;
};
constexpr TypeName kTypes[] = {
    {"F64", DType::f64, 64},      {"F32", DType::f32, 32},      {"F16", DType::f16, 16},
    {"BF16", DType::bf16, 16},    {"I64", DType::i64, 64},      {"I32", DType::i32, 32},
    {"I16", DType::i16, 16},      {"I8", DType::i8, 8},         {"U8", DType::u8, 8},
    {"BOOL", DType::boolean, 8},  {"U64", DType::other, 64},    {"U32", DType::other, 32},
    {"U16", DType::other, 16},    {"C64", DType::other, 64},    {"F8_E4M3", DType::other, 8},
    {"F8_E5M2", DType::other, 8}, {"F8_E8M0", DType::other, 8}, {"F6_E2M3", DType::other, 6},
    {"F6_E3M2", DType::other, 6}, {"F4", DType::other, 4},
};

struct Entry {
  std::string name = {}, dtype = {};
  std::vector<std::int64_t> shape = {};
  std::vector<std::uint64_t> offsets = {};
  bool has_dtype = false, has_shape = false;
};

// Takes the header's events as the JSON parser meets them, so that what the format does not allow (a key twice, deeper
// nesting, other types) is refused where it stands and nothing is built of it.
class Header : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::vector<Entry> entries;
  std::map<std::string, std::string> metadata;
  std::string problem;

  bool null() override { return refuse("null"); }
  bool boolean(bool) override { return refuse("a boolean"); }
  bool number_float(double, const std::string&) override { return refuse("a number that is no integer"); }
  bool binary(binary_t&) override { return refuse("binary data"); }
  bool number_integer(std::int64_t) override { return refuse("a negative number"); }
  bool number_unsigned(std::uint64_t value) override {
    if (place_ == Place::shape) {
      if (value > std::uint64_t{1} << 62) return refuse("a dimension too large");
      if (entry().shape.size() == kMaxRank) return refuse("too many dimensions");
      entry().shape.push_back(static_cast<std::int64_t>(value));
      return true;
    }
    if (place_ == Place::offsets && entry().offsets.size() < 2) return entry().offsets.push_back(value), true;
    return refuse("a number");
  }
  bool string(std::string& value) override {
    if (place_ == Place::metadata) return metadata[key_] = std::move(value), true;
    if (place_ == Place::tensor && key_ == "dtype") {
      entry().has_dtype = true;
      entry().dtype = std::move(value);
      return true;
    }
    return refuse("a text");
  }
  bool start_object(std::size_t) override {
    if (place_ == Place::outside) return place_ = Place::top, true;
    if (place_ != Place::top) return refuse("an object");
    keys_.clear();
    if (key_ == "__metadata__") return place_ = Place::metadata, true;
    entries.push_back({.name = key_});
    return place_ = Place::tensor, true;
  }
  bool end_object() override {
    if (place_ == Place::tensor && !(entry().has_dtype && entry().has_shape && entry().offsets.size() == 2)) {
      problem = fmt::format("tensor '{}' lacks its dtype, shape or data_offsets", entry().name);
      return false;
    }
    place_ = place_ == Place::top ? Place::outside : Place::top;
    return true;
  }
  bool start_array(std::size_t) override {
    if (place_ == Place::tensor && key_ == "shape") return entry().has_shape = true, place_ = Place::shape, true;
    if (place_ == Place::tensor && key_ == "data_offsets") return place_ = Place::offsets, true;
    return refuse("an array");
  }
  bool end_array() override { return place_ = Place::tensor, true; }
  bool key(std::string& name) override {
    const bool fresh = (place_ == Place::top ? names_ : keys_).insert(name).second;
    key_ = std::move(name);
    if (!fresh) problem = fmt::format("key '{}' stands twice in the header", key_);
    return fresh;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    if (problem.empty()) problem = fmt::format("the header is not JSON (near byte {})", 8 + position);
    return false;
  }

 private:
  enum class Place { outside, top, metadata, tensor, shape, offsets };

  Entry& entry() { return entries.back(); }
  bool refuse(std::string_view what) {
    problem = fmt::format("the header has {} where the format has none (at '{}')", what, key_);
    return false;
  }

  Place place_ = Place::outside;
  std::string key_;
  std::set<std::string> names_, keys_;
};

Result<Tensor> make_tensor(const Entry& entry, std::span<const std::byte> data) {
  Tensor tensor;
  tensor.name = entry.name;
  tensor.shape = entry.shape;
  tensor.dtype = DType::other;
  tensor.dtype_text = entry.dtype;
  std::int64_t bits = 1;
  const auto type = std::ranges::find(kTypes, entry.dtype, &TypeName::name);
  const bool known = type != std::end(kTypes);
  bool overflow = false;
  for (const std::int64_t extent : entry.shape)
    overflow |= __builtin_mul_overflow(bits, std::max<std::int64_t>(extent, 1), &bits);
  if (known) overflow |= __builtin_mul_overflow(bits, type->bits, &bits);
  if (overflow) return fail("shape {} is too large", tensor.shape_text());
  if (std::ranges::count(entry.shape, 0) > 0) bits = 0;
  const std::uint64_t begin = entry.offsets[0], end = entry.offsets[1];
  if (begin > end || end > data.size()) {
    return fail("data_offsets {} to {} lie outside of the file's {} data bytes", begin, end, data.size());
  }
  if (known && (bits % 8 != 0 || static_cast<std::uint64_t>(bits / 8) != end - begin)) {
    return fail("{} {} takes {} bytes, its data_offsets span {}", entry.dtype, tensor.shape_text(), bits / 8,
                end - begin);
  }
  if (known) tensor.dtype = type->type;
  tensor.strides = contiguous_strides(tensor.shape);
  tensor.storage = data.subspan(begin, end - begin);
  return tensor;
}

// In the order of their data, tensors must follow each other without a gap, up to the end.
Result<void> check_cover(std::vector<Entry> entries, std::uint64_t size) {
  std::ranges::sort(entries, {}, &Entry::offsets);
  std::uint64_t covered = 0;
  for (const Entry& entry : entries) {
    if (entry.offsets[0] != covered) {
      const bool overlap = entry.offsets[0] < covered;
      return fail(Error{.what = fmt::format("its data start at {}, {} the tensor before, whose data end at {}",
                                            entry.offsets[0], overlap ? "overlapping" : "with a gap behind", covered),
                        .tensor = entry.name});
    }
    covered = entry.offsets[1];
  }
  if (covered != size) {
    return fail(Error{.what = fmt::format("{} bytes of data, its header speaks of {}", size, covered),
                      .remedy = "the file is cut off or damaged; get it again"});
  }
  return {};
}

}  // namespace

Result<void> read_safetensors(std::span<const std::byte> bytes, TensorFile& file) {
  ByteReader reader(bytes);
  SMLP_TRY(length, reader.read<std::uint64_t>());
  if (length > kMaxHeader) return fail("a header of {} bytes; the format allows {}", length, kMaxHeader);
  SMLP_TRY(text, reader.take_text(length));
  if (text.contains('\0')) {  // the parser would take it for the end
    return fail(Error{.what = "a zero byte in its header", .remedy = "the file is damaged; get it again"});
  }
  Header header;
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &header)) {
    return fail(Error{.what = header.problem, .remedy = "the file is damaged; get it again"});
  }
  const auto data = bytes.subspan(reader.position());
  for (const Entry& entry : header.entries) {
    auto tensor = make_tensor(entry, data);
    if (!tensor) return fail(std::move(tensor).error().of_tensor(entry.name));
    file.tensors.push_back(std::move(*tensor));
  }
  file.metadata = std::move(header.metadata);
  return check_cover(std::move(header.entries), data.size());
}

Result<void> write_safetensors(const std::filesystem::path& path, std::span<const SafetensorsEntry> entries,
                               const std::map<std::string, std::string>& metadata, Existing existing) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t end = 0;
  for (const SafetensorsEntry& entry : entries) {
    const std::uint64_t begin = std::exchange(end, end + entry.data.size());
    header[entry.name] = {{"dtype", dtype_name(entry.dtype)}, {"shape", entry.shape}, {"data_offsets", {begin, end}}};
  }
  std::string text = dump_json(header);
  text.append((64 - (8 + text.size()) % 64) % 64, ' ');
  const std::uint64_t length = text.size();
  SMLP_TRY(file, AtomicFile::create(path, existing));
  SMLP_CHECK(file.write(std::as_bytes(std::span(&length, 1))));
  SMLP_CHECK(file.write(text));
  for (const SafetensorsEntry& entry : entries) SMLP_CHECK(file.write(entry.data));
  return file.commit();
}

}  // namespace smlp
