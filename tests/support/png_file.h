// A made-up photograph.
#pragma once

#include <filesystem>

namespace smlp::test {

// Gradients and stripes of `width` x `height`, another picture for another seed, as PNG.
void write_png(const std::filesystem::path& path, int width, int height, unsigned seed = 1);

}  // namespace smlp::test
