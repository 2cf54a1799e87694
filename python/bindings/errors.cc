#include "errors.h"

#include <array>

#include "smlp/batcher.h"

namespace smlp::python {
namespace {

// What a transient error is called.
const char* transient_kind(const Error& error) {
  static constexpr std::array<std::pair<std::string_view, const char*>, 4> kinds = {{
      {kQueueFull, "QueueFullError"},
      {kShutDown, "ClosedError"},
      {kDeadlinePassed, "DeadlineError"},
      {kCancelled, "CancelledError"},
  }};
  for (const auto& [what, kind] : kinds) {
    if (error.what == what) return kind;
  }
  return "ResourceError";
}

// Names of files need not be UTF-8: words for people escape what is not, and a path comes back as os.fsdecode() has it.
nb::object text_of(const std::string& text, const char* other_bytes = "backslashreplace") {
  return nb::steal(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), other_bytes));
}

nb::object text_or_none(const std::string& text, const char* other_bytes = "backslashreplace") {
  return text.empty() ? nb::none() : text_of(text, other_bytes);
}

}  // namespace

nb::object exception_of(const char* kind, const Error& error) {
  if (error.transient) kind = transient_kind(error);
  nb::object made = nb::module_::import_("smlp.errors").attr(kind)(text_of(error.message()));
  made.attr("what") = text_of(error.what);
  made.attr("file") = text_or_none(error.file, "surrogateescape");
  made.attr("offset") = error.offset ? nb::object(nb::int_(*error.offset)) : nb::none();
  made.attr("tensor") = text_or_none(error.tensor);
  made.attr("remedy") = text_or_none(error.remedy);
  made.attr("transient") = error.transient;
  return made;
}

void raise(const char* kind, const Error& error) {
  const nb::object made = exception_of(kind, error);
  PyErr_SetObject(made.type().ptr(), made.ptr());
  throw nb::python_error();
}

void raise_from(nb::python_error& cause, const char* kind, const Error& error) {
  const nb::object made = exception_of(kind, error);
  PyException_SetCause(made.ptr(), nb::borrow(cause.value()).release().ptr());  // which takes the reference
  PyErr_SetObject(made.type().ptr(), made.ptr());
  throw nb::python_error();
}

}  // namespace smlp::python
