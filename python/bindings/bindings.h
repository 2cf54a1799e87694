// The parts of the module smlp._core. The package's Python files give them their public names, types and words.
#pragma once

#include <nanobind/nanobind.h>

#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "smlp/session.h"
#include "tasks/named_model.h"

namespace smlp::python {

namespace nb = nanobind;

void add_model(nb::module_& m);
void add_session(nb::module_& m);
void add_batcher(nb::module_& m);
void add_jobs(nb::module_& m);

// What a caller says of a model in place of what its file does.
struct Overrides {
  ClassNames names;
  PreprocessOverrides preprocess;
};

// Raises OptionError where a word is not known.
SessionOptions session_options(int threads, int batch, const std::optional<std::string>& precision,
                               const std::string& mode, const std::string& isa, bool pin);

// The best classes as a list of smlp.Prediction (`type`), which is a tuple of (index, label, probability).
nb::list predictions_of(const Model& model, std::span<const float> logits, int top, const nb::object& type);

// os.fsencode() of a path; empty bytes are an empty path. Raises InputError where it holds a NUL, at which the system
// would end it.
std::filesystem::path path_of(const nb::bytes& path);

}  // namespace smlp::python
