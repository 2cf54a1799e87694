#include "tasks/named_output.h"

#include <gmock/gmock.h>

#include "base/open_file.h"
#include "support/scratch.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;
using enum NamedOutput::Mode;
using ::testing::HasSubstr;

class NamedOutputTest : public ::testing::Test {
 protected:
  Result<void> write(NamedOutput::Mode mode, std::string_view text) {
    SMLP_TRY(out, NamedOutput::create(
                      path_, mode, [](std::string_view start) { return start.starts_with("ours"); }, "a file of ours"));
    SMLP_CHECK(out.write(text));
    return out.commit();
  }
  std::string content() { return read_text(path_, 1000).value(); }

  test::Scratch scratch_;
  fs::path path_ = scratch_.folder() / "out.txt";
};

TEST_F(NamedOutputTest, AFreshFileReplacesNothing) {
  ASSERT_TRUE(write(fresh, "ours 1"));
  EXPECT_THAT(write(fresh, "ours 2").error().message(), HasSubstr("exists already"));
  EXPECT_EQ(content(), "ours 1");
}

TEST_F(NamedOutputTest, AResumedRunMustComeToTheSameBytes) {
  ASSERT_TRUE(write(resume, "ours 1"));
  ASSERT_TRUE(write(resume, "ours 1"));
  EXPECT_THAT(write(resume, "ours 2").error().message(), HasSubstr("is not what this run writes"));
  EXPECT_EQ(content(), "ours 1");
}

TEST_F(NamedOutputTest, ForceReplacesOnlyWhatIsOursOrEmpty) {
  ASSERT_TRUE(write(force, "ours 1"));
  ASSERT_TRUE(write(force, "ours 2"));
  EXPECT_EQ(content(), "ours 2");
  scratch_.write("out.txt", "my notes");
  EXPECT_THAT(write(force, "ours 3").error().message(), HasSubstr("is not a file of ours"));
  EXPECT_EQ(content(), "my notes");
  scratch_.write("out.txt", "");
  EXPECT_TRUE(write(force, "ours 4"));
  fs::remove(path_);
  fs::create_symlink(scratch_.write("target", "ours"), path_);
  EXPECT_FALSE(write(force, "ours 5"));
  EXPECT_EQ(fs::read_symlink(path_), scratch_.folder() / "target");
}

}  // namespace
}  // namespace smlp
