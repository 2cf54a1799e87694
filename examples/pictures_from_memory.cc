// Classifies pictures that are in memory: the bytes of JPEG or PNG files, and pixels that were decoded elsewhere.
//
//   pictures_from_memory FILE...
//
// Prints the best class of each, then that of a made-up picture of pixels with padded rows.
#include <smlp/smlp.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

std::vector<char> bytes_of(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void print(const std::string& name, const smlp::Result<std::vector<smlp::Prediction>>& answer) {
  if (answer) {
    std::printf("%s: %s %.4f\n", name.c_str(), answer->front().label.c_str(), answer->front().probability);
  } else {
    std::printf("%s: %s\n", name.c_str(), answer.error().message().c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto model = smlp::Model::bundled();
  if (!model) return std::fprintf(stderr, "%s\n", model.error().message().c_str()), 1;
  auto session = smlp::Session::create(*model);
  if (!session) return std::fprintf(stderr, "%s\n", session.error().message().c_str()), 1;

  // Images only point to the bytes, which must live until the answers are there.
  std::vector<std::vector<char>> files;
  for (int i = 1; i < argc; ++i) files.push_back(bytes_of(argv[i]));
  std::vector<smlp::Image> images;
  for (const auto& file : files) images.emplace_back(std::as_bytes(std::span(file)));

  // 200 x 150 pixels of RGB, a green slope; each row is padded to 640 bytes.
  constexpr int kWidth = 200, kHeight = 150, kStride = 640;
  std::vector<std::uint8_t> pixels(kStride * kHeight);
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x)
      pixels[static_cast<std::size_t>(y * kStride + 3 * x + 1)] = static_cast<std::uint8_t>(x);
  }
  images.emplace_back(smlp::RgbView{.data = pixels.data(), .width = kWidth, .height = kHeight, .stride = kStride});

  // All at once, so that decoding and inference share the cores; a broken picture fails alone.
  const auto answers = session->classify(images, 1);
  for (std::size_t i = 0; i < answers.size(); ++i) print(i + 1 < answers.size() ? argv[i + 1] : "pixels", answers[i]);
}
