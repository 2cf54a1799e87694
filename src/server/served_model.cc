#include "server/served_model.h"

#include "base/no_throw.h"

namespace smlp::server {

ServedModel::ServedModel(std::string model_name, std::string model_version, NamedModel model,
                         const BatchingOptions& how, Batcher made)
    : name(std::move(model_name)),
      version(std::move(model_version)),
      input{model.model.in_channels(), model.model.image_size()},
      classes(model.model.classes()),
      class_names(std::move(model.classes.names)),
      batching(how),
      batcher(std::move(made)) {}

Result<std::shared_ptr<ServedModel>> ServedModel::load(std::string name, std::string version,
                                                       const std::filesystem::path& file,
                                                       const SessionOptions& session_options,
                                                       const BatchingOptions& batching) {
  return no_throw([&]() -> Result<std::shared_ptr<ServedModel>> {
    SMLP_TRY(named, load_named_model(file, {}));
    SessionOptions chosen = session_options;
    chosen.batch = batching.max_batch;
    SMLP_TRY(session, Session::create(named.model, chosen));
    SMLP_TRY(batcher, Batcher::create(std::move(session), {.max_batch = batching.max_batch,
                                                           .max_delay = batching.max_delay,
                                                           .max_queue = batching.max_queue}));
    return std::shared_ptr<ServedModel>(
        new ServedModel(std::move(name), std::move(version), std::move(named), batching, std::move(batcher)));
  });
}

}  // namespace smlp::server
