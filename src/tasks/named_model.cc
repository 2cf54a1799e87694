#include "tasks/named_model.h"

#include "api/load.h"

namespace smlp {

Result<NamedModel> load_named_model(const std::filesystem::path& path, const std::filesystem::path& class_file,
                                    const PreprocessOverrides& preprocess) {
  std::filesystem::path file = path;
  if (file.empty()) {
    SMLP_TRY(bundled, find_bundled_model());
    file = bundled;
  }
  SMLP_TRY(network, load_network(file));
  auto how = with_overrides(network.preprocess, preprocess, network.config.image);
  if (!how) return fail(std::move(how).error().in(file.string()));
  network.preprocess = *how;
  ClassList list{.names = network.class_names, .wnids = network.wnids};
  if (!class_file.empty()) {
    SMLP_TRY(read, read_class_list(class_file, network.config.classes));
    list = read;
    network.class_names = list.names;
    network.wnids = list.wnids;
  }
  return NamedModel{Model(std::make_shared<const Network>(std::move(network))), std::move(list)};
}

}  // namespace smlp
