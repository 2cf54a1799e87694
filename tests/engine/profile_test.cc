// A profile holds every call once, in order, with the work that its shapes say; and profiling changes no bit.
#include "engine/profile.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <numeric>
#include <stdexcept>

#include "engine/engine.h"
#include "engine/fold.h"
#include "support/compare.h"
#include "support/generator.h"
#include "support/isas.h"

namespace smlp::test {
namespace {

const Config kConfig = {.in_channels = 1, .dim = 4, .alpha = 2, .patch = 2, .image = 8, .classes = 3, .depths = {1, 1}};

std::shared_ptr<const Network> network_of(const Config& config) {
  return std::make_shared<const Network>(fold(make_weights(config, 5)));
}

std::unique_ptr<Engine> make_engine(std::shared_ptr<const Network> network, const EngineOptions& options) {
  auto made = Engine::create(std::move(network), options);
  if (!made) throw std::runtime_error(made.error().message());
  return std::move(*made);
}

std::vector<float> pictures_of(const Config& config, int count) {
  std::vector<float> pictures;
  for (int i = 0; i < count; ++i) {
    const auto picture = make_picture(config, 5, i);
    pictures.insert(pictures.end(), picture.begin(), picture.end());
  }
  return pictures;
}

Profile profile_of(Engine& engine, int count) {
  Profile profile;
  const auto pictures = pictures_of(engine.network().config, count);
  std::vector<float> logits(static_cast<std::size_t>(count * engine.network().config.classes));
  engine.run_profiled(pictures.data(), count, logits.data(), profile);
  return profile;
}

// Counted by hand for the network above, one picture, float32: multiply-accumulates and bytes.
const std::map<std::string, std::pair<int, int>> kByHand = {
    {"stem.0", {256, 256 + 64 + 256}},
    {"local.0", {576, 256 + 192 + 256}},
    {"mix.0", {512, 256 + 2 * (64 + 16) + 2 * 256}},
    {"fuse.0", {768, 256 + 2 * 256 + 192 + 2 * 256}},
    {"channel_mix.0", {1024, 2 * 256 + 128 + 32 + 128 + 16}},
    {"downsample.1", {512, 256 + 512 + 128}},
    {"local.1", {288, 128 + 384 + 128}},
    {"mix.1", {128, 128 + 2 * (16 + 8) + 2 * 128}},
    {"fuse.1", {768, 128 + 2 * 128 + 768 + 2 * 128}},
    {"channel_mix.1", {1024, 2 * 128 + 512 + 64 + 512 + 32}},
    {"head", {24, 128 + 96 + 12 + 12}},
};

TEST(Profile, CountsWhatOneCountsByHand) {
  const auto engine = make_engine(network_of(kConfig), {.threads = 1, .batch = 1, .isa = "reference"});
  const ProfileSummary summary = summarize(profile_of(*engine, 1));
  ASSERT_EQ(summary.steps.size(), kByHand.size());
  for (const StepCost& cost : summary.steps) {
    SCOPED_TRACE(cost.name);
    ASSERT_TRUE(kByHand.contains(cost.name));
    EXPECT_EQ(cost.work.macs, kByHand.at(cost.name).first);
    EXPECT_EQ(cost.work.bytes, kByHand.at(cost.name).second);
    EXPECT_EQ(cost.calls, 1);
  }
}

TEST(Profile, StepsStandInTheNetworksOrder) {
  const auto engine = make_engine(network_of(kConfig), {.threads = 2, .batch = 4, .isa = ""});
  std::vector<std::string> names;
  for (const StepCost& cost : summarize(profile_of(*engine, 5)).steps) names.push_back(cost.name);
  EXPECT_EQ(names, (std::vector<std::string>{"stem.0", "local.0", "mix.0", "fuse.0", "channel_mix.0", "downsample.1",
                                             "local.1", "mix.1", "fuse.1", "channel_mix.1", "head"}));
}

TEST(Profile, AStripCountsItsNeighbourRowsAndTheWholePicturesItMixes) {
  const auto& reference = *kernels::choose("reference", Precision::fp32).value();
  const auto bytes = [&](Step step, int row, int rows) {
    return work_of(kConfig, reference, step, 0, {.image = 0, .images = 1, .row = row, .rows = rows}).bytes;
  };
  constexpr int kRow = 4 * 4 * 4;  // 4 pixels of 4 float32 channels
  EXPECT_EQ(bytes(Step::local, 0, 2), 3 * kRow + 192 + 2 * kRow);
  EXPECT_EQ(bytes(Step::local, 1, 2), 4 * kRow + 192 + 2 * kRow);
  EXPECT_EQ(bytes(Step::local, 3, 1), 2 * kRow + 192 + 1 * kRow);
  EXPECT_EQ(bytes(Step::mix, 1, 2), 4 * kRow + 2 * (64 + 16) + 2 * 2 * kRow);
}

class ProfileOf : public testing::TestWithParam<std::size_t> {
 protected:
  const kernels::Candidate& table_ = tables_present()[GetParam()];
};

// Two stages that come in strips, chunks and whole pictures.
TEST_P(ProfileOf, EachCallOnceInOrderInEveryMode) {
  const Config config = {
      .in_channels = 3, .dim = 6, .alpha = 3, .patch = 1, .image = 30, .classes = 7, .depths = {1, 2, 1}};
  const auto network = network_of(config);
  for (const Mode mode : {Mode::automatic, Mode::throughput, Mode::latency}) {
    for (const int threads : {1, 2, 3}) {
      for (const int count : is_emulated(table_) ? std::vector{2} : std::vector{1, 4}) {
        SCOPED_TRACE(std::string(mode_name(mode)) + ", " + std::to_string(threads) + " threads, " +
                     std::to_string(count) + " pictures");
        const auto engine =
            make_engine(network, {.threads = threads, .batch = count, .mode = mode, .table = table_.table});
        const Profile profile = profile_of(*engine, count);
        ASSERT_EQ(profile.threads.size(), static_cast<std::size_t>(threads));
        for (const auto& events : profile.threads) {
          std::int64_t last = 0;
          for (const StepEvent& event : events) {
            ASSERT_LE(last, event.begin);
            ASSERT_LE(event.begin, event.end);
            last = event.end;
          }
          EXPECT_LE(last, profile.nanoseconds);
        }

        const ProfileSummary summary = summarize(profile);
        EXPECT_EQ(summary.all.work.macs, count * config.macs());
        ASSERT_EQ(summary.steps.size(), 3U + 4 * 4 + 1);
        const auto add = [](double sum, const StepCost& cost) { return sum + cost.seconds; };
        const double steps = std::accumulate(summary.steps.begin(), summary.steps.end(), 0.0, add);
        const double kinds = std::accumulate(summary.kinds.begin(), summary.kinds.end(), 0.0, add);
        EXPECT_NEAR(steps, kinds, 1e-12);
        EXPECT_NEAR(kinds + summary.rest, summary.seconds, 1e-12);
        EXPECT_GE(summary.rest, 0.0);
        EXPECT_EQ(summary.seconds, 1e-9 * static_cast<double>(profile.nanoseconds));
      }
    }
  }
}

TEST_P(ProfileOf, ChangesNoBitAndItsMemoryServesAgain) {
  const auto engine = make_engine(network_of(kConfig), {.threads = 2, .batch = 3, .table = table_.table});
  Profile profile;
  for (const int count : {5, 1, 7}) {
    const auto pictures = pictures_of(kConfig, count);
    const auto floats = static_cast<std::size_t>(count * kConfig.classes);
    std::vector<float> want(floats), got(floats);
    engine->run(pictures.data(), count, want.data());
    engine->run_profiled(pictures.data(), count, got.data(), profile);
    EXPECT_TRUE(same_bits(got, want)) << count;
    EXPECT_EQ(summarize(profile).all.work.macs, count * kConfig.macs());
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, ProfileOf, testing::Range<std::size_t>(0, tables_present().size()),
                         [](const auto& test) { return table_name(tables_present()[test.param]); });

}  // namespace
}  // namespace smlp::test
