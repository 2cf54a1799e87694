// Pixels and tensors of callers, and files on their way into a pass.
#include "pipeline/prepare.h"

#include <gmock/gmock.h>

#include "pipeline/image_source.h"
#include "support/scratch.h"

namespace smlp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PixelsTest : public ::testing::Test {
 protected:
  std::string problem(int width, int height, std::ptrdiff_t stride) {
    const auto picture = copy_pixels({pixels_.data(), width, height, stride});
    return picture ? "no error" : picture.error().what;
  }

  std::vector<std::uint8_t> pixels_ = std::vector<std::uint8_t>(3 * 65500);
};

TEST_F(PixelsTest, AreCopiedRowByRow) {
  const std::uint8_t rows[] = {1, 2, 3, 4, 5, 6, 0, 7, 8, 9, 10, 11, 12, 0};
  const auto down = copy_pixels({rows, 2, 2, 7}), up = copy_pixels({rows + 7, 2, 2, -7}),
             close = copy_pixels({rows, 2, 2, 6});
  ASSERT_TRUE(down && up && close);
  EXPECT_EQ(down->width, 2);
  EXPECT_EQ(down->height, 2);
  EXPECT_THAT(down->rgb, ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12));
  EXPECT_THAT(up->rgb, ElementsAre(7, 8, 9, 10, 11, 12, 1, 2, 3, 4, 5, 6));
  EXPECT_THAT(close->rgb, ElementsAre(1, 2, 3, 4, 5, 6, 0, 7, 8, 9, 10, 11));
}

TEST_F(PixelsTest, HaveASizeAndAStrideThatHoldsARow) {
  EXPECT_EQ(problem(1, 1, 3), "no error");
  EXPECT_EQ(problem(10, 1, 30), "no error");
  EXPECT_THAT(problem(10, 1, 29), HasSubstr("a stride of 29 bytes; 10 pixels of RGB have 30"));
  EXPECT_THAT(problem(10, 1, -29), HasSubstr("a stride of -29 bytes"));
  EXPECT_THAT(problem(10, 1, 0), HasSubstr("a stride of 0 bytes"));
  for (const auto& [width, height] : {std::pair(0, 1), {1, 0}, {-1, 1}, {1, -1}}) {
    EXPECT_THAT(problem(width, height, 3), HasSubstr("there is no picture")) << width << " x " << height;
  }
  EXPECT_THAT(copy_pixels({nullptr, 1, 1, 3}).error().what, HasSubstr("there is no picture"));
}

// The limits are those of files: of libjpeg for a side, of Pillow for all pixels. Refused before any pixel is looked
// at.
TEST_F(PixelsTest, HaveTheLimitsOfFiles) {
  EXPECT_EQ(problem(65500, 1, 3 * 65500), "no error");
  EXPECT_EQ(problem(1, 65500, 3), "no error");
  EXPECT_THAT(problem(65501, 1, 3 * 65501), HasSubstr("65501 x 1 is more than the limit"));
  EXPECT_THAT(problem(1, 65501, 3), HasSubstr("1 x 65501 is more than the limit"));
  EXPECT_THAT(problem(13378, 13377, 3 * 13378), HasSubstr("more than the limit of 178956970 pixels, 65500 a side"));
}

TEST(Prepare, TakesTensorsOfTheModelsSize) {
  const Preprocess how{.resize = 2, .crop = 2};
  const std::vector<float> tensor = {1, 2, 3, 4};
  std::vector<float> room(4);
  ASSERT_TRUE(prepare(std::span<const float>(tensor), how, 1, room));
  EXPECT_EQ(room, tensor);
  const auto problem = [&](std::size_t floats, std::size_t places) {
    const std::vector<float> given(floats);
    std::vector<float> to(places);
    const auto outcome = prepare(std::span<const float>(given), how, 1, to);
    return outcome ? "no error" : outcome.error().what;
  };
  EXPECT_EQ(problem(4, 4), "no error");
  EXPECT_THAT(problem(3, 4), HasSubstr("a prepared picture of 3 floats; 1 x 2 x 2 have 4"));
  EXPECT_THAT(problem(5, 4), HasSubstr("a prepared picture of 5 floats"));
  EXPECT_THAT(problem(4, 3), HasSubstr("room for 3 floats; a picture of 1 x 2 x 2 has 4"));
  EXPECT_THAT(problem(4, 5), HasSubstr("room for 5 floats"));
}

TEST(Prepare, PicturesHaveThreePlanes) {
  EXPECT_TRUE(check_planes(3));
  for (const int planes : {1, 2, 4}) EXPECT_THAT(check_planes(planes).error().what, HasSubstr("prepared tensors only"));
  const std::uint8_t grey[3] = {128, 128, 128};
  const Material pixels = RgbView{grey, 1, 1, 3};
  std::vector<float> room(3);
  const Preprocess how{.resize = 1, .crop = 1, .mean = {0, 0, 0}, .std = {1, 1, 2}};
  ASSERT_TRUE(prepare(pixels, how, 3, room));
  EXPECT_THAT(room, ElementsAre(128.0F / 255, 128.0F / 255, 64.0F / 255));
  EXPECT_FALSE(prepare(pixels, how, 1, std::span(room).first(1)));
}

class FakeRoom final : public Room {
 public:
  explicit FakeRoom(bool grants = true) : grants_(grants) {}
  bool take(std::uint64_t bytes) override {
    taken.push_back(bytes);
    return grants_;
  }
  std::vector<std::uint64_t> taken;

 private:
  bool grants_;
};

TEST(ReadPictureFile, TakesRoomForItsBytes) {
  const test::Scratch scratch;
  const auto file = scratch.write("a.jpg", "12345");
  FakeRoom room;
  const auto reading = read_picture_file(file, room);
  ASSERT_TRUE(reading) << reading.error().message();
  EXPECT_THAT(room.taken, ElementsAre(5));
  const auto bytes = std::get<std::span<const std::byte>>(reading->material);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), "12345");
  EXPECT_NE(reading->owner, nullptr);
  FakeRoom none(false);
  EXPECT_THAT(read_picture_file(file, none).error().what, HasSubstr("the run has ended"));
  FakeRoom unasked;
  EXPECT_THAT(read_picture_file(scratch.folder() / "no.jpg", unasked).error().message(), HasSubstr("no.jpg"));
  EXPECT_THAT(unasked.taken, ElementsAre());
}

TEST(ImageSource, WaitsForFilesAlone) {
  const std::byte encoded[2] = {};
  const std::uint8_t pixels[3] = {};
  const Image file = std::filesystem::path("a.jpg"), bytes = std::span<const std::byte>(encoded),
              view = RgbView{pixels, 1, 1, 3};
  const std::vector<Image> with_file = {bytes, file}, without = {view, bytes}, none;
  EXPECT_TRUE(ImageSource(with_file).waits());
  EXPECT_FALSE(ImageSource(without).waits());
  EXPECT_FALSE(ImageSource(none).waits());
  EXPECT_EQ(ImageSource(with_file).size(), 2U);
  EXPECT_EQ(ImageSource(with_file).name(1), "a.jpg");
  EXPECT_EQ(ImageSource(with_file).name(0), "");
  FakeRoom room;
  EXPECT_EQ(std::get<std::span<const std::byte>>(read_image(bytes, room)->material).data(), encoded);
  EXPECT_EQ(std::get<RgbView>(read_image(view, room)->material).data, pixels);
  EXPECT_THAT(room.taken, ElementsAre()) << "they are in memory already";
}

}  // namespace
}  // namespace smlp
