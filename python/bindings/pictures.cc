#include "pictures.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "bindings.h"
#include "errors.h"
#include "refusals.h"

namespace smlp::python {
namespace {

using Array = nb::ndarray<nb::ro>;

constexpr const char* kTaken = "pass pixels as uint8 HWC, or a prepared tensor as float32 in this machine's byte order";
constexpr std::size_t kLargestSide = 65500;  // of pixels; the library's own limit, which fits an int

std::string shape_text(const Array& array) {
  const std::span<const std::int64_t> shape(array.shape_ptr(), array.ndim());
  return fmt::format("({}{})", fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
}

bool is_type(const Array& array, nb::dlpack::dtype type) { return array.dtype() == type; }

// The dimensions from `first` on lie in memory in row-major order, without gaps.
bool is_contiguous(const Array& array, std::size_t first) {
  std::int64_t expected = 1;
  for (std::size_t d = array.ndim(); d-- > first;) {
    if (array.shape(d) > 1 && array.stride(d) != expected) return false;
    expected *= static_cast<std::int64_t>(array.shape(d));
  }
  return true;
}

// Copies the dimensions from `d` on, in row-major order, and returns where the copy ends.
std::byte* copy_strided(const Array& array, std::size_t d, const std::byte* from, std::byte* to) {
  const std::size_t size = array.itemsize();
  if (d == array.ndim()) {
    std::memcpy(to, from, size);
    return to + size;
  }
  const std::int64_t step = array.stride(d) * static_cast<std::int64_t>(size);
  for (std::size_t i = 0; i < array.shape(d); ++i) {
    to = copy_strided(array, d + 1, from + static_cast<std::int64_t>(i) * step, to);
  }
  return to;
}

const std::byte* bytes_of(const Array& array) {
  return static_cast<const std::byte*>(array.data_handle()) + array.byte_offset();
}

// RGB, of a mode that has one meaning in 8 bits: that which the library gives to files of it, too.
nb::object as_rgb(nb::handle image) {
  const std::string mode = nb::cast<std::string>(nb::str(image.attr("mode")));
  if (mode == "RGB") return nb::borrow(image);
  for (const char* known : {"1", "L", "LA", "P", "PA", "RGBA", "RGBX", "CMYK", "YCbCr"}) {
    if (mode == known) return image.attr("convert")("RGB");
  }
  refuse(fmt::format("a PIL image of mode '{}' is not 8-bit RGB", mode),
         "scale it to 8 bits and pass image.convert('RGB')");
}

// A scheme as RFC 3986 has it, and what follows one: "s3://", "file://", "data:".
bool is_url(std::string_view path) {
  const std::size_t end = path.find("://");
  const auto is_of_scheme = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '-' ||
           c == '.';
  };
  return path.starts_with("data:") ||
         (end != std::string_view::npos && end > 0 && std::ranges::all_of(path.substr(0, end), is_of_scheme));
}

bool is_finite(std::span<const float> values) {
  constexpr std::uint32_t exponent = 0x7F800000;
  std::uint32_t found = 0;
  for (const float value : values) {
    found |= static_cast<std::uint32_t>((std::bit_cast<std::uint32_t>(value) & exponent) == exponent);
  }
  return found == 0;
}

}  // namespace

Pictures::Pictures(const Model& model, nb::handle x) : model_(model) {
  const Taken taken = take(x);
  if (taken == Taken::nothing) take_iterable(x);
  single_ = taken == Taken::one;
  if (items_.empty()) refuse("no pictures: the iterable or array is empty", "pass one picture or more");
}

void Pictures::add(nb::handle x) {
  const std::size_t before = items_.size();
  switch (take(x)) {
    case Taken::one:
      return;
    case Taken::several:
      refuse(fmt::format("an array of {} pictures where one is taken", items_.size() - before),
             "an iterable holds single pictures; pass the array alone, or go through its first dimension");
    case Taken::nothing:
      if (nb::isinstance<nb::tuple>(x)) {
        refuse_type("a tuple is not a picture", "of a dataset's pairs pass the pictures: (x[0] for x in pairs)");
      }
      refuse_type(fmt::format("{} is not a picture", type_word(x)),
                  "pass a path, bytes, a PIL image, or an array of uint8 HWC or float32 CHW");
  }
}

Pictures::Taken Pictures::take(nb::handle x) {
  if (nb::isinstance<nb::type_object>(x)) {
    refuse_type(
        fmt::format("the class {} itself, not a picture", nb::cast<std::string>(nb::str(x.attr("__qualname__")))),
        "pass an object of it");
  }
  if (nb::isinstance<nb::str>(x) || nb::hasattr(x, "__fspath__")) {
    std::filesystem::path path = path_of_object(x);
    if (is_url(path.native())) refuse("a URL, and nothing is fetched", "pass the bytes that it names");
    items_.emplace_back(std::move(path));
    return Taken::one;
  }
  if (nb::isinstance<nb::bytes>(x) || nb::isinstance<nb::bytearray>(x) || PyMemoryView_Check(x.ptr())) {
    take_bytes(x);
    return Taken::one;
  }
  if (is_loaded(x, "PIL.Image", "Image")) {
    take_pil(x);
    return Taken::one;
  }
  if (auto array = import_array(x, kTaken)) return take_array(std::move(*array));
  if (nb::isinstance<nb::dict>(x) || nb::isinstance(x, nb::module_::import_("collections.abc").attr("Mapping"))) {
    refuse_type(fmt::format("{} is a mapping, not a picture", type_word(x)),
                "pass what it holds, x[\"image\"] for one");
  }
  if (nb::isinstance<nb::set>(x) || nb::isinstance<nb::frozenset>(x)) {
    refuse_type("a set, whose pictures have no order to answer in", "pass a list, sorted(x) for one");
  }
  if (nb::hasattr(x, "read")) {
    refuse_type(fmt::format("{} is an open file, not a picture", type_word(x)), "pass its bytes: x.read()");
  }
  return Taken::nothing;
}

void Pictures::take_iterable(nb::handle x) {
  if (is_loaded(x, "pandas", "DataFrame")) {
    refuse_type("a DataFrame, whose items are the names of its columns", "pass a column, x[\"path\"] for one");
  }
  const nb::object iterator = nb::steal(PyObject_GetIter(x.ptr()));
  if (!iterator.is_valid()) {
    if (PyErr_ExceptionMatches(PyExc_TypeError) == 0) throw nb::python_error();  // its own: of a dataset, say
    PyErr_Clear();
    refuse_type(fmt::format("{} is neither a picture nor an iterable of pictures", type_word(x)),
                "pass a path, bytes, a PIL image, an array of uint8 HWC or float32 NCHW, or an iterable of them");
  }
  while (true) {
    const nb::object item = nb::steal(PyIter_Next(iterator.ptr()));
    if (!item.is_valid()) break;
    add(item);
  }
  if (PyErr_Occurred() != nullptr) throw nb::python_error();
}

void Pictures::take_bytes(nb::handle x) {
  if (nb::isinstance<nb::bytes>(x)) {
    const nb::bytes bytes = nb::borrow<nb::bytes>(x);
    items_.emplace_back(std::span(reinterpret_cast<const std::byte*>(bytes.c_str()), bytes.size()));
    owners_.push_back(nb::borrow(x));
    return;
  }
  Array array;
  if (!nb::try_cast(x, array, false) || array.ndim() != 1 || array.itemsize() != 1 || !is_contiguous(array, 0)) {
    refuse("a memoryview that is not one row of bytes", "pass bytes(x)");
  }
  items_.emplace_back(std::span(bytes_of(array), array.size()));
  arrays_.push_back(std::move(array));
}

// Pillow keeps pixels in blocks of four bytes each: the copy is Pillow's own way of handing them out. Of a lazy image
// it decodes the file only now.
void Pictures::take_pil(nb::handle image) {
  try {
    take_rgb(as_rgb(image));
  } catch (nb::python_error& error) {
    const nb::object ours = nb::module_::import_("smlp.errors").attr("SmlpError");
    const bool of_file = error.matches(PyExc_Exception) && !error.matches(ours) && !error.matches(PyExc_MemoryError) &&
                         !error.matches(PyExc_Warning);
    if (!of_file) throw;
    raise_from(error, "PictureError",
               {.what = fmt::format("Pillow cannot read it: {}", nb::cast<std::string>(nb::str(error.value()))),
                .remedy = "get the picture again, or pass its file, which this library reads itself"});
  }
}

void Pictures::take_rgb(const nb::object& rgb) {
  const nb::tuple size = nb::cast<nb::tuple>(rgb.attr("size"));
  const int width = nb::cast<int>(size[0]), height = nb::cast<int>(size[1]);
  const nb::bytes pixels = nb::cast<nb::bytes>(rgb.attr("tobytes")());
  items_.emplace_back(
      RgbView{reinterpret_cast<const std::uint8_t*>(pixels.c_str()), width, height, std::ptrdiff_t{3} * width});
  owners_.push_back(pixels);
}

Pictures::Taken Pictures::take_array(Array array) {
  if (array.device_type() != nb::device::cpu::value) {
    refuse_type("an array in the memory of another device", "pass x.cpu(), or what your framework calls it");
  }
  const bool pixels = is_type(array, nb::dtype<std::uint8_t>());
  if (!pixels && !is_type(array, nb::dtype<float>())) {
    refuse_type(fmt::format("an array of dtype {}, shape {}; nothing is converted silently", dtype_text(array),
                            shape_text(array)),
                "pass pixels as uint8 HWC, or a prepared tensor as float32: x.astype(numpy.float32), x.float()");
  }
  const Taken taken = pixels ? take_pixels(array) : take_floats(array);
  arrays_.push_back(std::move(array));
  return taken;
}

Pictures::Taken Pictures::take_pixels(const Array& array) {
  const std::size_t n = array.ndim();
  const bool is_hwc = n >= 3 && n <= 4 && array.shape(n - 1) == 3;
  if (!is_hwc) {
    const bool is_chw = n >= 3 && n <= 4 && array.shape(n - 3) == 3;
    const char* const remedy = n == 1   ? "the bytes of a JPEG or PNG file are taken as bytes: pass bytes(x)"
                               : n == 2 ? "one channel of grey is passed as three: numpy.stack([x] * 3, axis=-1)"
                               : is_chw ? "the channels come last: x.transpose(1, 2, 0), or x.permute(1, 2, 0) in torch"
                                        : "three channels, red, green and blue, come last: x[..., :3] drops an alpha";
    refuse(fmt::format("uint8 of shape {}; pixels are (height, width, 3) or (n, height, width, 3)", shape_text(array)),
           remedy);
  }
  if (array.shape(n - 3) > kLargestSide || array.shape(n - 2) > kLargestSide) {
    refuse(fmt::format("pixels of shape {}; a side has {} at most", shape_text(array), kLargestSide), "scale it down");
  }
  const std::int64_t step = n == 4 ? array.stride(0) : 0;
  const std::size_t count = n == 4 ? array.shape(0) : 1;
  for (std::size_t i = 0; i < count; ++i) {
    add_pixels(array, bytes_of(array) + static_cast<std::int64_t>(i) * step, n - 3);
  }
  return n == 4 ? Taken::several : Taken::one;
}

// One picture; `first` is the dimension of its rows. Rows may lie apart and in any order; what lies apart within a row
// is copied.
void Pictures::add_pixels(const Array& array, const std::byte* data, std::size_t first) {
  const auto height = static_cast<int>(array.shape(first)), width = static_cast<int>(array.shape(first + 1));
  std::ptrdiff_t stride = height > 1 ? array.stride(first) : std::ptrdiff_t{3} * width;
  if (!is_contiguous(array, first + 1) || std::abs(stride) < std::ptrdiff_t{3} * width) {
    stride = std::ptrdiff_t{3} * width;
    std::byte* const copy = allocate(static_cast<std::size_t>(stride) * static_cast<std::size_t>(height));
    copy_strided(array, first, data, copy);
    data = copy;
  }
  items_.emplace_back(RgbView{reinterpret_cast<const std::uint8_t*>(data), width, height, stride});
}

Pictures::Taken Pictures::take_floats(const Array& array) {
  const std::size_t n = array.ndim();
  const auto channels = static_cast<std::size_t>(model_.in_channels());
  const auto side = static_cast<std::size_t>(model_.image_size());
  if (n < 3 || n > 4 || array.shape(n - 3) != channels || array.shape(n - 2) != side || array.shape(n - 1) != side) {
    refuse(fmt::format("float32 of shape {}; this model takes ({}, {}, {}) or (n, {}, {}, {})", shape_text(array),
                       channels, side, side, channels, side, side),
           "float32 is a prepared tensor, as model.preprocess() makes it; pass pixels as uint8 HWC");
  }
  const std::size_t floats = channels * side * side;
  const auto* data = reinterpret_cast<const float*>(bytes_of(array));
  if (!is_contiguous(array, 0) || reinterpret_cast<std::uintptr_t>(data) % alignof(float) != 0) {
    std::byte* const copy = allocate(array.nbytes());
    copy_strided(array, 0, bytes_of(array), copy);
    data = reinterpret_cast<const float*>(copy);
  }
  const std::size_t count = n == 4 ? array.shape(0) : 1;
  for (std::size_t i = 0; i < count; ++i) items_.emplace_back(std::span(data + i * floats, floats));
  return n == 4 ? Taken::several : Taken::one;
}

std::byte* Pictures::allocate(std::size_t bytes) {
  return copies_.emplace_back(std::make_unique_for_overwrite<std::byte[]>(bytes)).get();
}

std::optional<std::span<const float>> Pictures::tensor() const {
  const float* next = nullptr;
  std::size_t all = 0;
  for (const BatcherInput& item : items_) {
    const auto* floats = std::get_if<std::span<const float>>(&item);
    if (floats == nullptr || (next != nullptr && floats->data() != next)) return {};
    next = floats->data() + floats->size();
    all += floats->size();
  }
  return std::span(next - all, all);
}

Result<void> Pictures::check_values(std::size_t index) const {
  const auto* floats = std::get_if<std::span<const float>>(&items_[index]);
  if (floats == nullptr || is_finite(*floats)) return {};
  return std::unexpected(Error{.what = "the tensor holds NaN or an infinity",
                               .remedy = "check how it was prepared: (pixel / 255 - mean) / std is finite"});
}

}  // namespace smlp::python
