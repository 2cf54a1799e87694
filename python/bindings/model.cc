// Models: loading, what they are, preprocessing.
#include "smlp/model.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/variant.h>
#include <nanobind/stl/vector.h>

#include "api/load.h"
#include "bindings.h"
#include "errors.h"
#include "model/network.h"
#include "numbers.h"
#include "pictures.h"
#include "smlp/precision.h"
#include "tasks/named_model.h"
#include "tensors.h"

namespace smlp::python {
namespace {

using namespace nb::literals;

Overrides overrides_of(std::variant<nb::bytes, std::vector<std::string>> classes, std::optional<int> img_size,
                       std::optional<double> crop_pct, const std::optional<std::string>& interpolation,
                       std::optional<std::array<float, 3>> mean, std::optional<std::array<float, 3>> std) {
  Overrides made;
  made.preprocess.img_size = img_size;
  made.preprocess.crop_pct = crop_pct;
  made.preprocess.mean = mean;
  made.preprocess.std = std;
  if (auto* names = std::get_if<std::vector<std::string>>(&classes)) {
    made.names = std::move(*names);
  } else {
    made.names = path_of(std::get<nb::bytes>(classes));
  }
  if (interpolation) {
    made.preprocess.interpolation = find_interpolation(*interpolation);
    if (!made.preprocess.interpolation) {
      raise("OptionError", {.what = fmt::format("unknown interpolation '{}'", *interpolation),
                            .remedy = fmt::format("Pillow's filters are {}", fmt::join(interpolation_names, ", "))});
    }
  }
  return made;
}

nb::bytes bundled_file() {
  const std::string file = value_or_raise(find_bundled_model(), "ModelError").string();
  return nb::bytes(file.data(), file.size());
}

Model load(const nb::bytes& path, const Overrides& overrides) {
  const std::filesystem::path file = path_of(path);
  if (file.empty()) raise("ModelError", {.what = "the path is empty", .remedy = "Model.bundled() needs none"});
  auto named = [&] {
    const nb::gil_scoped_release release;
    return load_named_model(file, overrides.names, overrides.preprocess);
  }();
  return value_or_raise(std::move(named), "ModelError").model;
}

Model of_tensors(nb::handle mapping, const Overrides& overrides) {
  const Tensors tensors(mapping);
  auto named = [&] {
    const nb::gil_scoped_release release;
    return named_model_of_tensors(tensors.file(), overrides.names, overrides.preprocess);
  }();
  return value_or_raise(std::move(named), "ModelError").model;
}

const Image image_of(const BatcherInput& item) {
  if (const auto* bytes = std::get_if<std::span<const std::byte>>(&item)) return *bytes;
  if (const auto* pixels = std::get_if<RgbView>(&item)) return *pixels;
  return std::get<std::filesystem::path>(item);
}

nb::object preprocess(const Model& model, nb::handle x) {
  const Pictures pictures(model, x);
  const auto items = pictures.items();
  for (const BatcherInput& item : items) {
    if (!std::holds_alternative<std::span<const float>>(item)) continue;
    raise("InputError", {.what = "a float32 tensor is prepared already", .remedy = "pass pixels as uint8 HWC"});
  }
  const auto side = static_cast<std::size_t>(model.image_size());
  Numbers out({items.size(), static_cast<std::size_t>(model.in_channels()), side, side});
  for (std::size_t i = 0; i < items.size(); ++i) {
    auto outcome = [&] {
      const nb::gil_scoped_release release;
      return model.preprocess(image_of(items[i]), out.row(i));
    }();
    value_or_raise(std::move(outcome), "PictureError");
    if (PyErr_CheckSignals() != 0) throw nb::python_error();
  }
  return std::move(out).array(pictures.is_single());
}

// The shortest decimal numbers that are these float32: 0.485, not 0.48500001430511475.
nb::tuple decimals(const std::array<float, 3>& values) {
  const auto decimal = [](float value) { return std::stod(fmt::format("{}", value)); };
  return nb::make_tuple(decimal(values[0]), decimal(values[1]), decimal(values[2]));
}

// (resize, crop, interpolation, mean, std)
nb::tuple preprocessing(const Model& model) {
  const Preprocess& how = model.preprocessing();
  return nb::make_tuple(how.resize, how.crop, interpolation_name(how.interpolation), decimals(how.mean),
                        decimals(how.std));
}

std::vector<std::string> class_names(const Model& model) {
  return {model.class_names().begin(), model.class_names().end()};
}

}  // namespace

void add_model(nb::module_& m) {
  nb::class_<Overrides>(m, "Overrides")
      .def(
          "__init__",
          [](Overrides* self, std::variant<nb::bytes, std::vector<std::string>> classes, std::optional<int> img_size,
             std::optional<double> crop_pct, const std::optional<std::string>& interpolation,
             std::optional<std::array<float, 3>> mean, std::optional<std::array<float, 3>> std) {
            new (self) Overrides(overrides_of(std::move(classes), img_size, crop_pct, interpolation, mean, std));
          },
          "classes"_a, "img_size"_a.none(), "crop_pct"_a.none(), "interpolation"_a.none(), "mean"_a.none(),
          "std"_a.none());
  m.def("bundled_file", &bundled_file);
  nb::class_<Model>(m, "Model")
      .def_static("load", &load, "path"_a, "overrides"_a)
      .def_static("of_tensors", &of_tensors, "tensors"_a, "overrides"_a)
      .def("preprocess", &preprocess, "x"_a.none(),
           nb::sig("def preprocess(self, x: object) -> numpy.typing.NDArray[numpy.float32]"))
      .def_prop_ro("image_size", &Model::image_size)
      .def_prop_ro("in_channels", &Model::in_channels)
      .def_prop_ro("classes", &Model::classes)
      .def_prop_ro("class_names", &class_names)
      .def_prop_ro("preprocessing", &preprocessing,
                   nb::sig("def preprocessing(self) -> tuple[int, int, str, tuple[float, float, float], tuple[float, "
                           "float, float]]"))
      .def_prop_ro("dim", [](const Model& model) { return model.network()->config.dim; })
      .def_prop_ro("depths", [](const Model& model) { return model.network()->config.depths; })
      .def_prop_ro("alpha", [](const Model& model) { return model.network()->config.alpha; })
      .def_prop_ro("patch", [](const Model& model) { return model.network()->config.patch; })
      .def_prop_ro("parameters", [](const Model& model) { return model.network()->config.parameters(); })
      .def_prop_ro("source", [](const Model& model) { return model.network()->source_name; })
      .def_prop_ro("precision", [](const Model& model) { return precision_name(model.network()->precision); });
}

}  // namespace smlp::python
