#include "model/config.h"

#include <numeric>

namespace smlp {
namespace {

// Far above any network worth running and far below what would overflow the sums of parameters() and macs().
constexpr int kMaxChannels = 1 << 16;
constexpr int kMaxImage = 1 << 14;
constexpr int kMaxStages = 8;
constexpr int kMaxBlocks = 4096;
constexpr int kMaxClasses = 1 << 20;
constexpr std::int64_t kMaxParameters = std::int64_t{1} << 33;

Result<void> check_range(std::string_view name, int value, int low, int high) {
  if (value < low || value > high) return fail("{} is {}, outside {} to {}", name, value, low, high);
  return {};
}

}  // namespace

int Config::blocks() const { return std::accumulate(depths.begin(), depths.end(), 0); }

std::int64_t Config::parameters() const {
  std::int64_t sum = 0;
  for (int s = 0; s < stages(); ++s) {
    const std::int64_t c = channels(s), h = grid(s), k = stem_kernel(s), a = hidden(s);
    const std::int64_t token_mix = 2 * c + 9 * c + 2 * c + 2 * (h * h + h) + 3 * c * c;
    const std::int64_t channel_mix = 2 * c + (a * c + a) + (c * a + c);
    sum += c * stem_inputs(s) * k * k + depths[s] * (token_mix + channel_mix);
  }
  const std::int64_t f = features();
  return sum + 2 * f + f * classes + classes;
}

std::int64_t Config::macs() const {
  std::int64_t sum = std::int64_t{features()} * classes;
  for (int s = 0; s < stages(); ++s) {
    const std::int64_t c = channels(s), h = grid(s), k = stem_kernel(s), pixels = h * h;
    const std::int64_t per_pixel = 9 * c + 2 * h * c + 3 * c * c + 2 * c * hidden(s);
    sum += pixels * (c * stem_inputs(s) * k * k + depths[s] * per_pixel);
  }
  return sum;
}

Result<void> Config::validate() const {
  if (depths.empty() || stages() > kMaxStages) return fail("{} stages, outside 1 to {}", stages(), kMaxStages);
  SMLP_CHECK(check_range("dim", dim, 1, kMaxChannels >> (stages() - 1)));
  SMLP_CHECK(check_range("input channels", in_channels, 1, 1024));
  SMLP_CHECK(check_range("alpha", alpha, 1, 64));
  SMLP_CHECK(check_range("patch size", patch, 1, 1024));
  SMLP_CHECK(check_range("image size", image, 1, kMaxImage));
  SMLP_CHECK(check_range("number of classes", classes, 1, kMaxClasses));
  for (const int depth : depths) SMLP_CHECK(check_range("depth of a stage", depth, 0, kMaxBlocks));
  SMLP_CHECK(check_range("number of blocks", blocks(), 1, kMaxBlocks));
  if (image % patch != 0) return fail("image size {} does not divide by the patch size {}", image, patch);
  if (grid(stages() - 1) == 0) {
    return fail("image size {} is too small: its grid of {} patches cannot be halved {} times", image, grid(0),
                stages() - 1);
  }
  if (parameters() > kMaxParameters) return fail("{} parameters, more than {}", parameters(), kMaxParameters);
  return {};
}

const Config* find_named_config(std::string_view name) {
  static const Config tiny{.dim = 80, .depths = {2, 8, 14, 2}};
  static const Config small{.dim = 96, .depths = {2, 10, 24, 2}};
  static const Config base{.dim = 112, .depths = {2, 10, 24, 2}};
  if (name == "smlpnet_tiny") return &tiny;
  if (name == "smlpnet_small") return &small;
  if (name == "smlpnet_base") return &base;
  return nullptr;
}

}  // namespace smlp
