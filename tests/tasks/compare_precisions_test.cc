#include "tasks/compare_precisions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "api/load.h"
#include "smlp/session.h"
#include "support/model_file.h"
#include "support/png_file.h"
#include "support/scratch.h"

namespace smlp {
namespace {

using ::testing::HasSubstr;

constexpr auto kNobody = [](std::int64_t, std::int64_t) {};

class ComparePrecisions : public ::testing::Test {
 protected:
  ComparePrecisions() { test::write_model(file_, test::small_config(), 1); }

  std::shared_ptr<const Network> network() { return std::make_shared<const Network>(load_network(file_).value()); }

  static std::vector<double> logits(const std::shared_ptr<const Network>& network, Precision precision, int pictures) {
    auto session = Session::create(Model(network), {.threads = 1, .precision = precision}).value();
    std::vector<float> input, out(static_cast<std::size_t>(pictures * network->config.classes));
    for (int i = 0; i < pictures; ++i) {
      const auto picture = made_up_picture(*network, i);
      input.insert(input.end(), picture.begin(), picture.end());
    }
    EXPECT_TRUE(session.run(input, pictures, out));
    return {out.begin(), out.end()};
  }

  test::Scratch scratch_;
  std::filesystem::path file_ = scratch_.folder() / "m.safetensors";
};

TEST_F(ComparePrecisions, TheLogitsDifferAsTwoSessionsDo) {
  const auto net = network();
  constexpr int kPictures = 5;
  const auto exact = logits(net, Precision::fp32, kPictures), tried = logits(net, Precision::bf16, kPictures);
  double difference = 0, norm = 0, largest = 0;
  int same = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    difference += std::pow(exact[i] - tried[i], 2);
    norm += exact[i] * exact[i];
    largest = std::max(largest, std::abs(exact[i] - tried[i]));
  }
  const std::ptrdiff_t classes = net->config.classes;
  for (int p = 0; p < kPictures; ++p) {
    const auto a = exact.begin() + p * classes, b = tried.begin() + p * classes;
    same += std::max_element(a, a + classes) - a == std::max_element(b, b + classes) - b;
  }
  ASSERT_GT(difference, 0);

  const auto compared = compare_precisions(net, {.pictures = {}, .made_up = kPictures}, kNobody);
  ASSERT_TRUE(compared) << compared.error().message();
  EXPECT_EQ(compared->pictures, kPictures);
  EXPECT_EQ(compared->same_top1, same);
  const LayerDifference& last = compared->layers.back();
  EXPECT_EQ(last.name, "logits");
  EXPECT_NEAR(last.relative_error, std::sqrt(difference / norm), 1e-12);
  EXPECT_EQ(last.largest, largest);
}

TEST_F(ComparePrecisions, EachHalfBlockIsARowInTheNetworksOrder) {
  const auto compared = compare_precisions(network(), {.pictures = {}, .made_up = 1}, kNobody).value();
  std::vector<std::string> names, expected;
  for (const LayerDifference& layer : compared.layers) {
    names.push_back(layer.name);
    EXPECT_GT(layer.relative_error, 0) << layer.name;
    EXPECT_LT(layer.relative_error, 0.1) << layer.name;  // bfloat16 keeps 8 bits: 2^-9 a rounding
  }
  for (const char* index : {".0", ".1", ".2", ".3"}) {
    for (const char* kind : {"stem", "token_mix", "channel_mix"}) expected.push_back(std::string(kind) + index);
  }
  expected.emplace_back("logits");
  EXPECT_EQ(names, expected);
  EXPECT_TRUE(std::isnan(compared.growth(0)));
  EXPECT_EQ(compared.growth(2), compared.layers[2].relative_error / compared.layers[1].relative_error);
}

TEST_F(ComparePrecisions, APrecisionDoesNotDifferFromItself) {
  const auto same = compare_precisions(
      network(), {.exact = Precision::bf16, .tried = Precision::bf16, .pictures = {}, .made_up = 2}, kNobody);
  for (const LayerDifference& layer : same->layers) {
    EXPECT_EQ(layer.relative_error, 0) << layer.name;
    EXPECT_EQ(layer.largest, 0) << layer.name;
  }
  EXPECT_EQ(same->same_top1, 2);
}

TEST_F(ComparePrecisions, WhatIsNoNumberIsNotHidden) {
  Network broken = *network();
  broken.head.bias[0] = std::nanf("");
  const auto compared =
      compare_precisions(std::make_shared<const Network>(broken), {.pictures = {}, .made_up = 2}, kNobody);
  EXPECT_TRUE(std::isnan(compared->layers.back().relative_error));
  EXPECT_TRUE(std::isnan(compared->layers.back().largest));
  EXPECT_TRUE(std::isfinite(compared->layers.front().relative_error));
  EXPECT_EQ(compared->same_top1, 0);
}

TEST_F(ComparePrecisions, TakesPicturesAndNamesABrokenOne) {
  const auto good = scratch_.folder() / "a.png";
  test::write_png(good, 50, 40, 1);
  const auto net = network();
  const Input one{.file = good}, text{.file = scratch_.write("b.png", "text")};
  EXPECT_EQ(compare_precisions(net, {.pictures = {one, one, one}}, kNobody)->pictures, 3);
  const auto broken = compare_precisions(net, {.pictures = {one, text}}, kNobody);
  ASSERT_FALSE(broken);
  EXPECT_THAT(broken.error().message(), HasSubstr("b.png"));
}

// Pixels that another program made by the same rule: see made_up_picture.cc.
TEST_F(ComparePrecisions, MadeUpPicturesAreTheSameEverywhere) {
  const auto net = network();
  const auto picture = made_up_picture(*net, 3);
  const auto pixel = [&](std::size_t i) {
    const std::size_t c = i / 1024;
    return static_cast<int>(std::lround(255 * (double{picture[i]} * net->preprocess.std[c] + net->preprocess.mean[c])));
  };
  const auto at = [&](std::size_t c, std::size_t row, std::size_t column) {
    return pixel(1024 * c + 32 * row + column);
  };
  EXPECT_EQ(std::vector({at(0, 0, 0), at(0, 0, 31), at(0, 15, 16), at(0, 31, 31)}), std::vector({111, 146, 146, 119}));
  EXPECT_EQ(std::vector({at(1, 0, 0), at(1, 20, 7), at(2, 31, 0), at(2, 31, 31)}), std::vector({67, 73, 122, 130}));
  int sum = 0;
  for (std::size_t i = 0; i < picture.size(); ++i) sum += pixel(i);
  EXPECT_NEAR(sum, 346118, 5) << "a pixel halfway between two may be either";
}

TEST_F(ComparePrecisions, MadeUpPicturesLookLikeNormalisedPhotographs) {
  const auto net = network();
  const int side = net->config.image;
  const auto picture = made_up_picture(*net, 3);
  ASSERT_EQ(picture.size(), net->config.picture_floats());
  EXPECT_EQ(picture, made_up_picture(*net, 3));
  EXPECT_NE(picture, made_up_picture(*net, 4));
  double product = 0, square = 0;
  for (std::size_t i = 0; i < picture.size(); ++i) {
    const auto c = i / static_cast<std::size_t>(side * side);
    const double pixel = 255 * (double{picture[i]} * net->preprocess.std[c] + net->preprocess.mean[c]);
    EXPECT_NEAR(pixel, std::round(pixel), 1e-3);
    EXPECT_GE(pixel, -1e-3);
    EXPECT_LE(pixel, 255.001);
    if (i % static_cast<std::size_t>(side) == 0) continue;
    product += double{picture[i]} * picture[i - 1];
    square += double{picture[i]} * picture[i];
  }
  EXPECT_GT(product / square, 0.8) << "neighbours are alike";
}

}  // namespace
}  // namespace smlp
