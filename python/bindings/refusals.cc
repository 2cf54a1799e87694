#include "refusals.h"

#include <fmt/format.h>
#include <nanobind/stl/string.h>

#include "bindings.h"
#include "errors.h"

namespace smlp::python {
namespace {

using Array = nb::ndarray<nb::ro>;

std::string word_of(nb::handle x, const char* attribute) {
  const nb::object value = nb::getattr(x, attribute, nb::none());
  return value.is_none() ? std::string() : nb::cast<std::string>(nb::str(value));
}

// numpy's arrays of objects or strings are sequences of pictures, not pictures.
bool holds_objects(nb::handle x) {
  const std::string kind = word_of(nb::getattr(x, "dtype", nb::none()), "kind");
  return kind == "O" || kind == "U" || kind == "T";
}

}  // namespace

std::string type_word(nb::handle x) {
  const nb::handle type = x.type();
  const auto word = [&](const char* name) { return nb::cast<std::string>(nb::str(type.attr(name))); };
  const std::string module = word("__module__");
  return (module == "builtins" ? "" : module + ".") + word("__qualname__");
}

bool is_loaded(nb::handle x, const char* module, const char* name) {
  const nb::object found = nb::module_::import_("sys").attr("modules").attr("get")(module);
  return !found.is_none() && nb::isinstance(x, found.attr(name));
}

namespace {

[[noreturn]] void explain(nb::handle x, const char* remedy) {
  const std::string device = word_of(x, "device");
  if (!device.empty() && device.find("cpu") == std::string::npos && device.find("Cpu") == std::string::npos) {
    refuse_type(fmt::format("a tensor on device '{}'", device), "pass x.cpu(), or what your framework calls it");
  }
  const std::string layout = word_of(x, "layout");
  if (!layout.empty() && layout != "torch.strided") {
    refuse_type(fmt::format("a tensor of layout {}, and pictures are dense", layout), "pass x.to_dense()");
  }
  const std::string dtype = word_of(x, "dtype");
  refuse_type(
      fmt::format("{}, whose memory cannot be read", dtype.empty() ? type_word(x) : "an array of dtype " + dtype),
      remedy);
}

}  // namespace

void refuse_type(std::string what, std::string remedy) {
  raise("InputTypeError", {.what = std::move(what), .remedy = std::move(remedy)});
}

void refuse(std::string what, std::string remedy) {
  raise("InputError", {.what = std::move(what), .remedy = std::move(remedy)});
}

std::filesystem::path path_of(const nb::bytes& path) {
  std::string text(path.c_str(), path.size());
  if (text.find('\0') != std::string::npos) refuse("a path that holds a NUL byte", "no file has such a name");
  return text;
}

std::filesystem::path path_of_object(nb::handle x) {
  try {
    return path_of(nb::bytes(nb::module_::import_("os").attr("fsencode")(x)));
  } catch (const nb::python_error& error) {
    if (!error.matches(PyExc_UnicodeEncodeError)) throw;
  }
  refuse("a path with half a character in it", "no file has such a name");
}

std::string dtype_text(const Array& array) {
  using Code = nb::dlpack::dtype_code;
  const char* name = "unknown";
  switch (static_cast<Code>(array.dtype().code)) {
    case Code::Int:
      name = "int";
      break;
    case Code::UInt:
      name = "uint";
      break;
    case Code::Float:
      name = "float";
      break;
    case Code::Bfloat:
      name = "bfloat";
      break;
    case Code::Complex:
      name = "complex";
      break;
    case Code::Bool:
      return "bool";
    default:
      break;
  }
  return fmt::format("{}{}", name, array.dtype().bits);
}

namespace {

// Memory of an object that has neither DLPack nor strides of its own (ctypes) is read through a memoryview, which makes
// the strides that nanobind relies on.
nb::object shown_memory(nb::handle x) {
  if (nb::hasattr(x, "resolve_neg")) return x.attr("resolve_neg")();  // torch's DLPack forgets that values are negated
  if (nb::hasattr(x, "__dlpack__")) return nb::borrow(x);
  nb::object view = nb::steal(PyMemoryView_FromObject(x.ptr()));
  if (view.is_valid()) return view;
  PyErr_Clear();
  return nb::borrow(x);
}

}  // namespace

bool requires_gradient(nb::handle x) { return nb::getattr(x, "requires_grad", nb::none()).is(nb::bool_(true)); }

std::optional<Array> import_array(nb::handle x, const char* remedy) {
  if (holds_objects(x)) return {};
  // Some versions of torch hand out such memory and others do not.
  if (requires_gradient(x)) {
    refuse_type("a tensor that requires gradients, and none goes through smlp", "pass x.detach()");
  }
  if (is_loaded(x, "numpy.ma", "MaskedArray")) {
    refuse_type("a masked array, whose mask would be lost", "pass x.filled(0), or what the hidden values should be");
  }
  Array array;
  const nb::object shown = shown_memory(x);
  if (nb::try_cast(shown, array, false)) return array;
  if (nb::hasattr(x, "__dlpack__") || nb::hasattr(x, "__cuda_array_interface__")) explain(x, remedy);
  if (!nb::hasattr(x, "__array__")) return {};
  const nb::object own = x.attr("__array__")();
  if (!nb::hasattr(own, "dtype")) {
    refuse_type(fmt::format("__array__() of {} gives no array", type_word(x)), "pass a numpy array");
  }
  if (holds_objects(own)) return {};
  if (!nb::try_cast(own, array, false)) explain(own, remedy);
  return array;
}

}  // namespace smlp::python
