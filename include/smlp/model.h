// A network read from a file, folded and ready for sessions.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "smlp/error.h"
#include "smlp/export.h"
#include "smlp/image.h"
#include "smlp/preprocess.h"

namespace smlp {

struct Network;

// Immutable and cheap to copy; any number of threads and sessions may share one, and all its functions may be called
// from several threads at once.
class SMLP_API Model {
 public:
  // Reads a compiled model (.smlp), a PyTorch checkpoint (zip or legacy), safetensors or ONNX; the kind is told by
  // content. Errors name the file, the offset or tensor, and the remedy.
  static Result<Model> load(const std::filesystem::path& path);

  // The small Imagenette model that ships with the library.
  static Result<Model> bundled();

  int image_size() const;                            // height and width of the input, pixels
  int in_channels() const;                           // planes of the input
  int classes() const;                               // length of one picture's logits
  std::span<const std::string> class_names() const;  // empty where the file carries none
  const Preprocess& preprocessing() const;           // what pictures go through

  // What the network sees of a picture: in_channels x image_size x image_size floats, bit for bit what Pillow and
  // torchvision make of it. Errors name the file; nothing is written then.
  Result<void> preprocess(const Image& image, std::span<float> chw) const;

  // For the library's own layers.
  explicit Model(std::shared_ptr<const Network> network) : network_(std::move(network)) {}
  const std::shared_ptr<const Network>& network() const { return network_; }

 private:
  std::shared_ptr<const Network> network_;
};

}  // namespace smlp
