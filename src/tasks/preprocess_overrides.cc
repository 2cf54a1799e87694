#include "tasks/preprocess_overrides.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "base/preprocess_limits.h"

namespace smlp {
namespace {

// NaN is in no range.
bool is_within(double value, double low, double high) { return value >= low && value <= high; }

Result<void> check(const PreprocessOverrides& overrides) {
  if (overrides.crop_pct && !is_within(*overrides.crop_pct, 0.1, 1)) {
    return fail(Error{.what = fmt::format("a crop of {} of the picture is not possible", *overrides.crop_pct),
                      .remedy = "give a share from 0.1 to 1"});
  }
  const auto all_within = [](const std::array<float, 3>& values, float low, float high) {
    return std::ranges::all_of(values, [&](float value) { return is_within(value, low, high); });
  };
  if (overrides.mean && !all_within(*overrides.mean, -1000, 1000)) {
    return fail(Error{.what = fmt::format("a mean of {} is not possible", fmt::join(*overrides.mean, ", ")),
                      .remedy = "give three numbers from -1000 to 1000"});
  }
  if (overrides.std && !all_within(*overrides.std, 1e-6F, 1000)) {
    return fail(
        Error{.what = fmt::format("a standard deviation of {} is not possible", fmt::join(*overrides.std, ", ")),
              .remedy = "give three numbers from 0.000001 to 1000"});
  }
  return {};
}

}  // namespace

Result<Preprocess> with_overrides(Preprocess how, const PreprocessOverrides& overrides, int network_size) {
  SMLP_CHECK(check(overrides));
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
  if (how.resize > kMaxPreprocessSize) {
    return fail(Error{.what = fmt::format("pictures would be resized to {} pixels, and {} are the limit", how.resize,
                                          kMaxPreprocessSize),
                      .remedy = "give a larger share to crop, or a smaller image size"});
  }
  if (overrides.interpolation) how.interpolation = *overrides.interpolation;
  if (overrides.mean) how.mean = *overrides.mean;
  if (overrides.std) how.std = *overrides.std;
  return how;
}

}  // namespace smlp
