// What is said of a score. Scores themselves are compared with NumPy's in tests/failures/scoring_test.py.
#include "tasks/score_results.h"

#include <gmock/gmock.h>

#include "data/labels.h"
#include "support/scratch.h"

namespace smlp {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ScoreResults, OnlyAnNThatLeavesPicturesOutIsWarnedOf) {
  test::Scratch scratch;
  for (int i = 0; i < 4; ++i) scratch.write(fmt::format("results/batch-{:05}_0.txt", i), "3 2 1 0\n");
  ScoreOptions options;
  options.results = scratch.folder() / "results";
  options.labels = scratch.write("labels.npy", labels_bytes({.labels = {0, 0, 0, 0}}));
  EXPECT_THAT(score_results(options).value().warnings, IsEmpty());
  options.n = 4;
  EXPECT_THAT(score_results(options).value().warnings, IsEmpty());
  options.n = 3;
  const Score score = score_results(options).value();
  EXPECT_EQ(score.pictures, 3U);
  EXPECT_THAT(score.warnings, ElementsAre("only the first 3 pictures are scored, as --n says"));
}

}  // namespace
}  // namespace smlp
