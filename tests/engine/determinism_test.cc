// The same bits for any number of threads and any split into batches; pictures of a batch don't see each other.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>

#include "engine/engine.h"
#include "engine/fold.h"
#include "kernels/reference.h"
#include "support/compare.h"
#include "support/generator.h"
#include "support/golden.h"
#include "support/int8_network.h"
#include "support/isas.h"

namespace smlp::test {
namespace {

constexpr int kPictures = 9;

class Independence : public testing::TestWithParam<std::size_t> {
 protected:
  void use(std::string_view name) {
    const GoldenNetwork& chosen = golden(name);
    config_ = chosen.config;
    network_ = std::make_shared<const Network>(fold(make_weights(config_, chosen.seed, chosen.signal)));
    picture_size_ = static_cast<std::size_t>(config_.in_channels * config_.image * config_.image);
    classes_ = static_cast<std::size_t>(config_.classes);
    pictures_.clear();
    for (int i = 0; i < kPictures; ++i) {
      const auto picture = make_picture(config_, chosen.seed, i);
      pictures_.insert(pictures_.end(), picture.begin(), picture.end());
    }
    if (table_.precision == Precision::int8) network_ = in_int8(*network_, pictures_);
  }

  std::unique_ptr<Engine> engine(int threads, int batch) { return engine(threads, batch, table_.table); }
  std::unique_ptr<Engine> engine(int threads, int batch, const kernels::Kernels* table, Mode mode = Mode::automatic) {
    auto made = Engine::create(network_, {.threads = threads, .batch = batch, .mode = mode, .table = table});
    if (!made) throw std::runtime_error(made.error().message());
    return std::move(*made);
  }

  std::vector<float> run(Engine& engine, int count) {
    // What a run leaves unwritten is NaN.
    std::vector<float> logits(static_cast<std::size_t>(count) * classes_, std::nanf(""));
    engine.run(pictures_.data(), count, logits.data());
    return logits;
  }

  std::span<float> picture(int i) {
    return {pictures_.data() + static_cast<std::size_t>(i) * picture_size_, picture_size_};
  }
  std::span<const float> row(const std::vector<float>& logits, int i) {
    return {logits.data() + static_cast<std::size_t>(i) * classes_, classes_};
  }

  const kernels::Candidate& table_ = all_tables_present()[GetParam()];
  Config config_;
  std::shared_ptr<const Network> network_;
  std::size_t picture_size_ = 0, classes_ = 0;
  std::vector<float> pictures_;
};

TEST_P(Independence, SameBitsForAnyThreadsBatchAndCount) {
  for (const char* name : {"one_stage_grid13", "two_stages_grid11"}) {
    SCOPED_TRACE(name);
    use(name);
    const std::vector<float> want = run(*engine(1, 1), kPictures);
    ASSERT_TRUE(std::ranges::all_of(want, [](float x) { return std::isfinite(x); }));
    for (const int threads : {1, 2, 3}) {
      for (const int batch : {1, 2, 3, 5, 8}) {
        const auto tried = engine(threads, batch);
        for (int count = 1; count <= kPictures; count += is_emulated(table_) ? 4 : 1) {
          EXPECT_TRUE(same_bits(run(*tried, count), {want.data(), static_cast<std::size_t>(count) * classes_}))
              << threads << " threads, batch " << batch << ", " << count << " pictures";
        }
      }
    }
  }
}

// Grids and widths that take several blocks of every loop: one count, since the small networks have swept it.
TEST_P(Independence, SameBitsForAnyThreadsAndBatchOfBiggerNetworks) {
  for (const char* name : {"dim33_grid1", "dim20_grid7"}) {
    SCOPED_TRACE(name);
    use(name);
    const bool is_slow = table_.isa == "reference" || is_emulated(table_);
    const int count = is_slow ? 3 : kPictures;
    const std::vector<float> want = run(*engine(1, 1), count);
    for (const auto& [threads, batch] : {std::pair(2, 1), std::pair(1, 8), std::pair(3, 2), std::pair(2, 5)}) {
      EXPECT_TRUE(same_bits(run(*engine(threads, batch), count), want)) << threads << " threads, batch " << batch;
    }
  }
}

TEST_P(Independence, SameBitsInEveryMode) {
  use("two_stages_grid11");
  const std::vector<float> want = run(*engine(1, 1), kPictures);
  for (const Mode mode : {Mode::throughput, Mode::latency}) {  // the test above is of the automatic one
    for (const int threads : {1, 2, 3}) {
      for (const int batch : {1, 7}) {
        const auto tried = engine(threads, batch, table_.table, mode);
        for (const int count : {1, 3, kPictures}) {
          EXPECT_TRUE(same_bits(run(*tried, count), {want.data(), static_cast<std::size_t>(count) * classes_}))
              << mode_name(mode) << ", " << threads << " threads, batch " << batch << ", " << count << " pictures";
        }
      }
    }
  }
}

TEST_P(Independence, ObservingChangesNoBit) {
  use("dim7_grid5");
  const auto tried = engine(2, 3);
  const std::vector<float> want = run(*tried, 1);
  std::vector<float> observed(classes_);
  tried->run_observed(picture(0).data(), observed.data(), [](std::string_view, std::span<const float>) {});
  EXPECT_TRUE(same_bits(observed, want));
  EXPECT_TRUE(same_bits(run(*tried, 1), want));
}

TEST_P(Independence, APictureOfNansSpoilsOnlyItself) {
  use("dim5_grid3");
  for (const float poison : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    const auto clean = engine(2, 4);
    const std::vector<float> want = run(*clean, kPictures);
    const std::vector<float> kept(picture(2).begin(), picture(2).end());
    std::ranges::fill(picture(2), poison);
    const auto poisoned = engine(2, 4);
    const std::vector<float> got = run(*poisoned, kPictures);
    for (int i = 0; i < kPictures; ++i) {
      EXPECT_TRUE(i == 2 || same_bits(row(got, i), row(want, i))) << "picture " << i;
    }
    for (const float logit : row(got, 2)) EXPECT_TRUE(std::isnan(logit)) << logit;

    // Nothing of it stays in the workspace either.
    std::ranges::copy(kept, picture(2).begin());
    EXPECT_TRUE(same_bits(run(*poisoned, kPictures), want));
    std::ranges::fill(pictures_, poison);
    run(*poisoned, kPictures);
    use("dim5_grid3");
    EXPECT_TRUE(same_bits(run(*poisoned, 3), {want.data(), 3 * classes_}));
  }
}

TEST_P(Independence, BigAndSmallPicturesStayNearTheReference) {
  use("dim7_grid5");
  const std::vector<float> original = pictures_;
  for (const float scale : {0.0F, 0x1p-130F, 0x1p-20F, 0x1p12F, 0x1p40F}) {
    SCOPED_TRACE(scale);
    for (std::size_t i = 0; i < original.size(); ++i) pictures_[i] = original[i] * scale;
    const std::vector<float> reference = run(*engine(1, 2, kernels::reference(table_.precision)), 2);
    const std::vector<double> want(reference.begin(), reference.end());
    // bf16: where two sums differ in their last bit, a stored value may round to either of two neighbours, 2^-8 apart;
    // a few such steps in a row are all that sound kernels differ by.
    EXPECT_LE(relative_error(run(*engine(2, 2), 2), want), table_.precision == Precision::fp32 ? 1e-4 : 8 * 0x1p-8);
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, Independence, testing::Range<std::size_t>(0, all_tables_present().size()),
                         [](const auto& test) { return table_name(all_tables_present()[test.param]); });

TEST(Forcing, TheEnvironmentChoosesTheKernels) {
  const GoldenNetwork& some = golden("dim4_grid1");
  const auto network = std::make_shared<const Network>(fold(make_weights(some.config, some.seed)));
  for (const kernels::Candidate& table : tables_present()) {
    if (is_emulated(table)) continue;
    ::setenv("SMLP_ISA", table.isa.c_str(), 1);
    const auto engine = Engine::create(network, {.threads = 1, .batch = 1, .isa = "", .precision = table.precision});
    ASSERT_TRUE(engine) << engine.error().message();
    EXPECT_EQ((*engine)->isa(), table.isa);
  }
  ::setenv("SMLP_ISA", "z80", 1);
  const auto refused = Engine::create(network, {.threads = 1, .batch = 1, .isa = ""});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("SMLP_ISA: unknown instruction set 'z80'"), std::string::npos);
  ::unsetenv("SMLP_ISA");
}

// "amx" is a word, but not one for float32.
TEST(Forcing, AnInstructionSetOfAnotherPrecisionIsNotCalledUnknown) {
  std::set<std::string> fp32;
  for (const kernels::Candidate& c : kernels::candidates()) {
    if (c.precision == Precision::fp32) fp32.insert(c.isa);
  }
  for (const kernels::Candidate& c : kernels::candidates()) {
    if (fp32.contains(c.isa)) continue;
    const auto refused = kernels::choose(c.isa, Precision::fp32);
    ASSERT_FALSE(refused);
    const std::string message = refused.error().message();
    EXPECT_NE(message.find("'" + c.isa + "' has no fp32 kernels"), std::string::npos) << message;
    for (const std::string& there_is : fp32) EXPECT_NE(message.find(there_is), std::string::npos) << message;
  }
}

TEST(Forcing, Int8OfANetworkWithoutScalesIsRefused) {
  const GoldenNetwork& some = golden("dim4_grid1");
  const auto network = std::make_shared<const Network>(fold(make_weights(some.config, some.seed)));
  const auto refused = Engine::create(network, {.threads = 1, .batch = 1, .precision = Precision::int8});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("no scales for int8"), std::string::npos);
}

TEST(Forcing, AnUnknownInstructionSetIsAnErrorThatNamesIt) {
  const GoldenNetwork& some = golden("dim4_grid1");
  const auto network = std::make_shared<const Network>(fold(make_weights(some.config, some.seed)));
  const auto engine = Engine::create(network, {.isa = "mmx"});
  ASSERT_FALSE(engine);
  EXPECT_NE(engine.error().message().find("mmx"), std::string::npos);
}

}  // namespace
}  // namespace smlp::test
