#include "support/png_file.h"

#include <png.h>

#include <cstdlib>
#include <vector>

namespace smlp::test {

void write_png(const std::filesystem::path& path, int width, int height, unsigned seed) {
  std::vector<unsigned char> rgb;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const unsigned stripe =
          (static_cast<unsigned>(x) * (seed % 7 + 1) + static_cast<unsigned>(y) * (seed % 5 + 1)) / 8;
      rgb.push_back(static_cast<unsigned char>(x * 255 / width));
      rgb.push_back(static_cast<unsigned char>(stripe * 37 + seed * 91));
      rgb.push_back(static_cast<unsigned char>(y * 255 / height));
    }
  }
  std::filesystem::create_directories(path.parent_path());
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width);
  image.height = static_cast<png_uint_32>(height);
  image.format = PNG_FORMAT_RGB;
  if (png_image_write_to_file(&image, path.c_str(), 0, rgb.data(), 0, nullptr) == 0) std::abort();
}

}  // namespace smlp::test
