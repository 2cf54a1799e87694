#include "tasks/named_model.h"

#include "api/load.h"
#include "base/no_throw.h"

namespace smlp {
namespace {

Result<ClassList> class_list_of(const ClassNames& names, const Network& network) {
  if (const auto* file = std::get_if<std::filesystem::path>(&names); file != nullptr && !file->empty()) {
    return read_class_list(*file, network.config.classes);
  }
  const auto* list = std::get_if<std::vector<std::string>>(&names);
  if (list == nullptr || list->empty()) return ClassList{.names = network.class_names, .wnids = network.wnids};
  return check_class_list({.names = *list}, network.config.classes);
}

Result<NamedModel> named(Network network, const ClassNames& names, const PreprocessOverrides& preprocess) {
  SMLP_TRY(how, with_overrides(network.preprocess, preprocess, network.config.image));
  network.preprocess = how;
  SMLP_TRY(list, class_list_of(names, network));
  network.class_names = list.names;
  network.wnids = list.wnids;
  return NamedModel{Model(std::make_shared<const Network>(std::move(network))), std::move(list)};
}

}  // namespace

Result<NamedModel> load_named_model(const std::filesystem::path& path, const ClassNames& names,
                                    const PreprocessOverrides& preprocess) {
  std::filesystem::path file = path;
  if (file.empty()) {
    SMLP_TRY(bundled, find_bundled_model());
    file = bundled;
  }
  SMLP_TRY(network, load_network(file));
  auto model = named(std::move(network), names, preprocess);
  if (!model) return fail(std::move(model).error().in(file.string()));
  return model;
}

Result<NamedModel> named_model_of_tensors(const TensorFile& tensors, const ClassNames& names,
                                          const PreprocessOverrides& preprocess) {
  return no_throw([&]() -> Result<NamedModel> {
    SMLP_TRY(network, network_from_tensors(tensors));
    return named(std::move(network), names, preprocess);
  });
}

}  // namespace smlp
