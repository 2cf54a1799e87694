#include "smlp/model.h"

#include "api/load.h"
#include "base/no_throw.h"
#include "pipeline/image_source.h"
#include "pipeline/prepare.h"

namespace smlp {
namespace {

// A single picture has all the room it wants.
class AnyRoom final : public Room {
 public:
  bool take(std::uint64_t) override { return true; }
};

std::string name_of(const Image& image) {
  const auto* path = std::get_if<std::filesystem::path>(&image);
  return path == nullptr ? std::string() : path->string();
}

}  // namespace

Result<Model> Model::load(const std::filesystem::path& path) {
  return no_throw([&]() -> Result<Model> {
    SMLP_TRY(network, load_network(path));
    return Model(std::make_shared<const Network>(std::move(network)));
  });
}

Result<Model> Model::bundled() {
  return no_throw([]() -> Result<Model> {
    SMLP_TRY(path, find_bundled_model());
    return load(path);
  });
}

Result<void> Model::preprocess(const Image& image, std::span<float> chw) const {
  return no_throw([&]() -> Result<void> {
    AnyRoom room;
    SMLP_TRY(reading, read_image(image, room));
    auto outcome = prepare(reading.material, preprocessing(), in_channels(), chw);
    if (!outcome) return fail(std::move(outcome).error().in(name_of(image)));
    return {};
  });
}

int Model::image_size() const { return network_->config.image; }
int Model::in_channels() const { return network_->config.in_channels; }
int Model::classes() const { return network_->config.classes; }
std::span<const std::string> Model::class_names() const { return network_->class_names; }
const Preprocess& Model::preprocessing() const { return network_->preprocess; }

}  // namespace smlp
