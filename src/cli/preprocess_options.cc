#include "cli/preprocess_options.h"

namespace smlp::cli {
namespace {

std::array<float, 3> floats(const double (&values)[3]) {
  return {static_cast<float>(values[0]), static_cast<float>(values[1]), static_cast<float>(values[2])};
}

}  // namespace

void add_preprocess_options(CommandLine& line, PreprocessOverrides& overrides,
                            std::initializer_list<KnownOption> needed) {
  using enum Interpolation;
  Option* const added[] = {
      &line.number("--crop-pct", overrides.crop_pct, 0.1, 1),
      &line.choice<Interpolation>("--interpolation",
                                  {{"nearest", nearest},
                                   {"box", box},
                                   {"bilinear", bilinear},
                                   {"hamming", hamming},
                                   {"bicubic", bicubic},
                                   {"lanczos", lanczos}},
                                  overrides.interpolation),
      &line.three("--mean", 0, 1, [&overrides](const double(&values)[3]) { overrides.mean = floats(values); }),
      &line.three("--std", 1e-6, 1, [&overrides](const double(&values)[3]) { overrides.std = floats(values); }),
      &line.number("--img-size", overrides.img_size, 1, 4096)};
  for (Option* const option : added) {
    for (const KnownOption& other : needed) option->needs(other);
  }
}

}  // namespace smlp::cli
