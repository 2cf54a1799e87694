// What is said of a score. Scores themselves are compared with NumPy's in tests/failures/scoring_test.py.
#include "tasks/score_results.h"

#include <gmock/gmock.h>

#include "data/labels.h"
#include "support/scratch.h"

namespace smlp {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;

// What is warned of where `n` of the four pictures are scored, whose results are in files of `rows` rows.
std::vector<std::string> warnings_of(int n, int rows) {
  test::Scratch scratch;
  std::string row;
  for (int i = 0; i < rows; ++i) row += "3 2 1 0\n";
  for (int i = 0; i < 4 / rows; ++i) scratch.write(fmt::format("results/batch-{:05}_0.txt", i), row);
  ScoreOptions options;
  options.results = scratch.folder() / "results";
  options.labels =
      scratch.write("labels.npy", labels_bytes({.batch_size = static_cast<std::size_t>(rows), .labels = {0, 0, 0, 0}}));
  if (n > 0) options.n = n;
  const Score score = score_results(options).value();
  EXPECT_EQ(score.pictures, n > 0 ? static_cast<std::uint64_t>(n) : 4U);
  return score.warnings;
}

TEST(ScoreResults, OnlyAnNThatLeavesPicturesOutIsWarnedOf) {
  for (const int rows : {1, 2, 4}) {
    EXPECT_THAT(warnings_of(0, rows), IsEmpty()) << rows;
    EXPECT_THAT(warnings_of(4, rows), IsEmpty()) << rows;
    for (const int n : {1, 2, 3}) {
      const std::string words = fmt::format("only the first {} pictures are scored, as --n says", n);
      EXPECT_THAT(warnings_of(n, rows), Contains(words)) << rows;
    }
  }
}

}  // namespace
}  // namespace smlp
