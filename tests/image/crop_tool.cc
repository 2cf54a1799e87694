// Writes what the preprocessing makes of pictures, for a script that compares it with Pillow.
//
//   crop_tool decode|crop|floats RESIZE CROP INTERPOLATION < list > results
//
// Reads one path a line from standard input; for each writes a line `ok WIDTH HEIGHT BYTES` and the bytes (RGB, or
// float32 CHW), or a line `error MESSAGE`.
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "image/preprocess.h"

namespace {

void write_result(int width, int height, const void* data, std::size_t bytes) {
  std::printf("ok %d %d %zu\n", width, height, bytes);
  std::fwrite(data, 1, bytes, stdout);
}

smlp::Result<void> run(std::string_view what, const std::string& path, const smlp::Preprocess& how) {
  if (what == "floats") {
    std::vector<float> chw(std::size_t{3} * how.crop * how.crop);
    SMLP_CHECK(smlp::preprocess_file(path, how, chw));
    write_result(how.crop, how.crop, chw.data(), chw.size() * sizeof(float));
    return {};
  }
  SMLP_TRY(picture, what == "crop" ? smlp::crop_file(path, how) : smlp::decode_file(path));
  write_result(picture.width, picture.height, picture.rgb.data(), picture.rgb.size());
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5 || !smlp::find_interpolation(argv[4])) {
    std::fprintf(stderr, "usage: crop_tool decode|crop|floats RESIZE CROP INTERPOLATION < list > results\n");
    return 2;
  }
  const smlp::Preprocess how{
      .resize = std::atoi(argv[2]), .crop = std::atoi(argv[3]), .interpolation = *smlp::find_interpolation(argv[4])};
  for (std::string path; std::getline(std::cin, path);) {
    if (auto done = run(argv[1], path, how); !done) std::printf("error %s\n", done.error().message().c_str());
    std::fflush(stdout);
  }
  return 0;
}
