#include "tasks/preprocess_overrides.h"

#include <cmath>

namespace smlp {

Result<Preprocess> with_overrides(Preprocess how, const PreprocessOverrides& overrides, int network_size) {
  if (overrides.img_size && network_size > 0 && *overrides.img_size != network_size) {
    return fail(Error{.what = fmt::format("an image size of {} is not possible: this network takes {} x {} pixels, and "
                                          "sMLPNet's mixing layers are matrices of that grid's size",
                                          *overrides.img_size, network_size, network_size),
                      .remedy = "leave the size out, or take a network trained at that size"});
  }
  if (overrides.img_size && *overrides.img_size != how.crop) {
    const Preprocess sized = Preprocess::for_image_size(*overrides.img_size);
    how.resize = sized.resize;
    how.crop = sized.crop;
  }
  if (overrides.crop_pct) how.resize = static_cast<int>(std::floor(how.crop / *overrides.crop_pct));
  if (overrides.interpolation) how.interpolation = *overrides.interpolation;
  if (overrides.mean) how.mean = *overrides.mean;
  if (overrides.std) how.std = *overrides.std;
  return how;
}

}  // namespace smlp
