#include "data/npy.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <functional>
#include <numeric>

#include "base/byte_reader.h"
#include "base/file_map.h"
#include "base/float16.h"
#include "base/printable.h"

namespace smlp {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::uint64_t kMaxHeader = 1 << 20;
constexpr std::size_t kMostStart = kMaxHeader + 12;  // with magic, version and length
constexpr std::size_t kMaxRank = 64;                 // numpy's own limit
static_assert(std::endian::native == std::endian::little);

// The header's dict: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }, in any order of the keys.
class HeaderParser {
 public:
  std::string descr;
  bool fortran = false;
  std::vector<std::int64_t> shape;

  explicit HeaderParser(std::string_view text) : text_(text) {}

  Result<void> run() {
    int seen = 0;
    SMLP_CHECK(expect('{'));
    while (!accept('}')) {
      SMLP_TRY(key, quoted());
      SMLP_CHECK(expect(':'));
      if (key == "descr" && (seen & 1) == 0) {
        if (peek() != '\'' && peek() != '"') return fail("a structured type; only plain numbers are read");
        SMLP_TRY(value, quoted());
        descr = value;
        seen |= 1;
      } else if (key == "fortran_order" && (seen & 2) == 0) {
        SMLP_TRY(value, boolean());
        fortran = value;
        seen |= 2;
      } else if (key == "shape" && (seen & 4) == 0) {
        SMLP_CHECK(read_shape());
        seen |= 4;
      } else {
        return malformed();
      }
      if (!accept(',') && peek() != '}') return malformed();
    }
    if (seen != 7 || peek() != '\0' || !text_.empty()) return malformed();  // blanks alone may follow
    return {};
  }

 private:
  static std::unexpected<Error> malformed() {
    return fail(Error{.what = "a damaged .npy header", .remedy = "write it with numpy.save"});
  }

  char peek() {
    const auto at = std::min(text_.find_first_not_of(" \t\n"), text_.size());
    text_.remove_prefix(at);
    return text_.empty() ? '\0' : text_.front();
  }
  bool accept(char c) {
    if (peek() != c || c == '\0') return false;
    text_.remove_prefix(1);
    return true;
  }
  Result<void> expect(char c) {
    if (!accept(c)) return malformed();
    return {};
  }
  Result<std::string> quoted() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') return malformed();
    const auto end = text_.find(quote, 1);
    if (end == text_.npos) return malformed();
    std::string out(text_.substr(1, end - 1));
    text_.remove_prefix(end + 1);
    return out;
  }
  Result<bool> boolean() {
    peek();
    for (const bool value : {false, true}) {
      const std::string_view word = value ? "True" : "False";
      if (!text_.starts_with(word)) continue;
      text_.remove_prefix(word.size());
      return value;
    }
    return malformed();
  }
  Result<void> read_shape() {
    SMLP_CHECK(expect('('));
    while (!accept(')')) {
      if (peek() == '0' && text_.size() > 1 && text_[1] >= '0' && text_[1] <= '9') return malformed();  // no Python
      std::int64_t extent = 0;
      const auto [end, code] = std::from_chars(text_.data(), text_.data() + text_.size(), extent);
      if (code != std::errc{} || extent < 0 || shape.size() == kMaxRank) return malformed();
      text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
      accept('L');  // written by Python 2
      shape.push_back(extent);
      if (!accept(',') && (peek() != ')' || shape.size() == 1)) return malformed();  // "(12)" is a number in Python
    }
    return {};
  }

  std::string_view text_;
};

template <class T>
T load(const std::byte* at, bool swapped) {
  std::array<std::byte, sizeof(T)> raw;
  std::memcpy(raw.data(), at, sizeof(T));
  if (swapped) std::ranges::reverse(raw);
  return std::bit_cast<T>(raw);
}

// Calls visit(value) for each element in C order, as its own C++ type.
template <class T, class Visit>
void each(std::span<const std::byte> data, std::span<const std::int64_t> shape, bool fortran, bool swapped,
          Visit&& visit) {
  const std::size_t count = data.size() / sizeof(T);
  if (!fortran || shape.size() < 2) {
    for (std::size_t i = 0; i < count; ++i) visit(load<T>(data.data() + i * sizeof(T), swapped));
    return;
  }
  // Fortran order: the first index is the fastest in the file, the last the fastest in the answer.
  std::vector<std::int64_t> stride(shape.size(), 1), index(shape.size(), 0);
  for (std::size_t d = 1; d < shape.size(); ++d) stride[d] = stride[d - 1] * shape[d - 1];
  std::int64_t at = 0;
  for (std::size_t i = 0; i < count; ++i) {
    visit(load<T>(data.data() + at * static_cast<std::int64_t>(sizeof(T)), swapped));
    for (std::size_t d = shape.size(); d-- > 0;) {
      at += stride[d];
      if (++index[d] < shape[d]) break;
      at -= stride[d] * shape[d];
      index[d] = 0;
    }
  }
}

struct Half {
  std::uint16_t bits;
  explicit operator float() const { return half_to_float(bits); }
  explicit operator double() const { return half_to_float(bits); }
};

// kind and size have been checked by parse().
template <class Visit>
void each_of_type(char kind, int size, std::span<const std::byte> data, std::span<const std::int64_t> shape,
                  bool fortran, bool swapped, Visit&& visit) {
  const auto go = [&]<class T>(T) { each<T>(data, shape, fortran, swapped, visit); };
  if (kind == 'f') return size == 8 ? go(double{}) : size == 4 ? go(float{}) : go(Half{});
  if (kind == 'i') {
    return size == 8   ? go(std::int64_t{})
           : size == 4 ? go(std::int32_t{})
           : size == 2 ? go(std::int16_t{})
                       : go(std::int8_t{});
  }
  return size == 8   ? go(std::uint64_t{})
         : size == 4 ? go(std::uint32_t{})
         : size == 2 ? go(std::uint16_t{})
                     : go(std::uint8_t{});
}

Result<void> check_type(std::string_view descr) {
  constexpr std::string_view known[] = {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"};
  const bool ordered = !descr.empty() && std::string_view("<>|=").find(descr.front()) != std::string_view::npos;
  if (ordered && std::ranges::find(known, descr.substr(1)) != std::end(known)) return {};
  return fail(Error{.what = fmt::format("numpy type '{}'; only integers, booleans and float16, 32 and 64 are read",
                                        shortened(descr, 40)),
                    .remedy = "convert the array with astype() and save it again"});
}

// `start` is the file as far as it was read: all of it, or its first kMostStart bytes.
Result<NpyHeader> parse_header(std::span<const std::byte> start, std::uint64_t file_bytes) {
  ByteReader reader(start);
  const auto magic = reader.take_text(kMagic.size());
  if (!magic || *magic != kMagic) return fail("not an .npy file: its first bytes are not those of one");
  SMLP_TRY(major, reader.read<std::uint8_t>());
  SMLP_TRY(minor, reader.read<std::uint8_t>());
  if (major < 1 || major > 3 || minor != 0) {
    return fail("version {}.{} of the .npy format; 1.0, 2.0 and 3.0 are known", major, minor);
  }
  std::uint64_t length = 0;
  if (major == 1) {
    SMLP_TRY(value, reader.read<std::uint16_t>());
    length = value;
  } else {
    SMLP_TRY(value, reader.read<std::uint32_t>());
    length = value;
  }
  if (length > kMaxHeader) return fail("an .npy header of {} bytes", length);
  SMLP_TRY(text, reader.take_text(length));
  HeaderParser header(text);
  SMLP_CHECK(header.run());
  SMLP_CHECK(check_type(header.descr));

  NpyHeader out{.shape = header.shape,
                .descr = header.descr,
                .kind = header.descr[1],
                .size = header.descr[2] - '0',
                .swapped = header.descr[0] == '>',
                .fortran = header.fortran,
                .data_at = reader.position()};
  std::int64_t expected = out.size;
  bool overflow = false;
  for (const std::int64_t extent : out.shape) overflow |= __builtin_mul_overflow(expected, extent, &expected);
  if (std::ranges::count(out.shape, 0) > 0)
    expected = 0;
  else if (overflow)
    return fail("an .npy shape too large");
  const std::uint64_t data_bytes = file_bytes - std::min<std::uint64_t>(out.data_at, file_bytes);
  if (static_cast<std::uint64_t>(expected) != data_bytes) {
    return fail(Error{.what = fmt::format("{} bytes of data, expected {} for its shape", data_bytes, expected),
                      .remedy = "the file is cut off or damaged; write it again"});
  }
  return out;
}

template <class T>
Result<void> write_values(const std::filesystem::path& path, std::string_view descr,
                          std::span<const std::int64_t> shape, std::span<const T> values, Existing existing) {
  const std::string header = npy_header(descr, shape);
  return write_file(path, {std::as_bytes(std::span(header)), std::as_bytes(values)}, existing);
}

}  // namespace

Result<NpyHeader> read_npy_header(const std::filesystem::path& path, std::uint64_t file_bytes) {
  SMLP_TRY(start, read_start(path, kMostStart));
  auto header = parse_header(std::as_bytes(std::span(start)), file_bytes);
  if (!header) return fail(std::move(header).error().in(path.string()));
  return header;
}

std::int64_t NpyHeader::elements() const {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

bool NpyHeader::plain() const { return kind == 'f' && size == 4 && !swapped && (!fortran || shape.size() < 2); }

void NpyHeader::to_floats(std::span<const std::byte> data, std::span<float> out) const {
  auto to = out.begin();
  each_of_type(kind, size, data, shape, fortran, swapped, [&](auto v) { *to++ = static_cast<float>(v); });
}

Result<NpyArray> NpyArray::open(const std::filesystem::path& path) {
  SMLP_TRY(map, FileMap::open(path));
  auto array = parse(map->bytes(), map);
  if (!array) return fail(std::move(array).error().in(path.string()));
  return array;
}

Result<NpyArray> NpyArray::parse(std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
  SMLP_TRY(header, parse_header(bytes, bytes.size()));
  NpyArray array;
  array.data_ = bytes.subspan(header.data_at);
  array.header_ = std::move(header);
  array.owner_ = std::move(owner);
  return array;
}

std::span<const float> NpyArray::floats() const {
  const bool aligned = reinterpret_cast<std::uintptr_t>(data_.data()) % alignof(float) == 0;
  if (!header_.plain() || !aligned) return {};
  return {reinterpret_cast<const float*>(data_.data()), data_.size() / sizeof(float)};
}

std::vector<float> NpyArray::to_floats() const {
  std::vector<float> out(data_.size() / static_cast<std::size_t>(header_.size));
  header_.to_floats(data_, out);
  return out;
}

Result<std::vector<std::int64_t>> NpyArray::to_integers() const {
  std::vector<std::int64_t> out;
  out.reserve(data_.size() / static_cast<std::size_t>(header_.size));
  bool exact = true;
  each_of_type(header_.kind, header_.size, data_, header_.shape, header_.fortran, header_.swapped, [&]<class T>(T v) {
    if constexpr (std::is_integral_v<T>) {
      exact &= std::in_range<std::int64_t>(v);
      out.push_back(static_cast<std::int64_t>(v));
    } else {
      const auto value = static_cast<double>(v);
      const bool fits = std::abs(value) < 0x1p63 && value == std::trunc(value);
      exact &= fits;
      out.push_back(fits ? static_cast<std::int64_t>(value) : 0);
    }
  });
  if (!exact) return fail("holds numbers that are no 64-bit integers");
  return out;
}

std::string npy_header(std::string_view descr, std::span<const std::int64_t> shape) {
  std::string tuple;
  for (const std::int64_t extent : shape) tuple += fmt::format("{}, ", extent);
  if (shape.size() > 1) tuple.resize(tuple.size() - 2);
  if (shape.size() == 1) tuple.pop_back();
  std::string text = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", descr, tuple);
  const std::size_t before = kMagic.size() + 4;
  text.append((64 - (before + text.size() + 1) % 64) % 64, ' ');
  text += '\n';
  std::string out(kMagic);
  out += {'\x01', '\x00', static_cast<char>(text.size() & 0xFF), static_cast<char>(text.size() >> 8)};
  return out + text;
}

Result<void> write_npy(const std::filesystem::path& path, std::span<const std::int64_t> shape,
                       std::span<const float> values, Existing existing) {
  return write_values(path, "<f4", shape, values, existing);
}

Result<void> write_npy(const std::filesystem::path& path, std::span<const std::int64_t> shape,
                       std::span<const std::int64_t> values, Existing existing) {
  return write_values(path, "<i8", shape, values, existing);
}

}  // namespace smlp
