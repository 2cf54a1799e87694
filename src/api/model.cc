#include "smlp/model.h"

#include <new>

#include "api/load.h"

namespace smlp {

Result<Model> Model::load(const std::filesystem::path& path) try {
  SMLP_TRY(network, load_network(path));
  return Model(std::make_shared<const Network>(std::move(network)));
} catch (const std::bad_alloc&) {
  return fail(Error{.what = "out of memory", .transient = true});
}

Result<Model> Model::bundled() {
  SMLP_TRY(path, find_bundled_model());
  return load(path);
}

int Model::image_size() const { return network_->config.image; }
int Model::in_channels() const { return network_->config.in_channels; }
int Model::classes() const { return network_->config.classes; }
std::span<const std::string> Model::class_names() const { return network_->class_names; }
const Preprocess& Model::preprocess() const { return network_->preprocess; }

}  // namespace smlp
