// What infer looks at before its first inference: sizes, types and shapes, names of results.
#include "data/input_check.h"

#include <gmock/gmock.h>

#include <array>

#include "data/npy.h"
#include "data/preprocess_journal.h"
#include "support/scratch.h"
#include "support/tar_file.h"

namespace smlp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const InputSpec kSpec{.channels = 3, .side = 2, .how = {}, .max_rows = 4};  // 48 bytes a picture

class InputCheckTest : public ::testing::Test {
 protected:
  Input bin(const std::string& name, std::size_t bytes) {
    return {.file = scratch_.write(name, std::string(bytes, '\0')), .kind = InputKind::bin};
  }
  Input npy(const std::string& name, const std::string& descr, const std::vector<std::int64_t>& shape) {
    std::int64_t elements = 1;
    for (const std::int64_t extent : shape) elements *= extent;
    const std::string content = npy_header(descr, shape) + std::string(static_cast<std::size_t>(elements) * 4, '\0');
    return {.file = scratch_.write(name, content), .kind = InputKind::npy};
  }
  Input picture(const std::string& name, const std::string& content = "\xFF\xD8\xFF and the rest") {
    return {.file = scratch_.write(name, content)};
  }
  // "rows rows ..." of the inputs, or the error.
  std::string prepared(std::vector<Input> inputs, const InputSpec& spec = kSpec) {
    warnings_.clear();
    const auto outcome = check_prepared(inputs, spec, warnings_);
    if (!outcome) return outcome.error().message();
    std::string rows;
    for (const Input& input : inputs) rows += std::to_string(input.rows) + " ";
    return rows;
  }

  test::Scratch scratch_;
  std::vector<std::string> warnings_;
};

TEST_F(InputCheckTest, ABinHoldsWholePictures) {
  EXPECT_EQ(prepared({bin("a.bin", 48)}), "1 ");
  EXPECT_EQ(prepared({bin("a.bin", 96), bin("b.bin", 96), bin("c.bin", 48)}), "2 2 1 ");
  EXPECT_THAT(prepared({bin("a.bin", 0)}), HasSubstr("a.bin: 0 bytes; 48 were expected (3 x 2 x 2 float32)"));
  EXPECT_THAT(prepared({bin("a.bin", 47)}), HasSubstr("47 bytes; 48 were expected"));
  EXPECT_THAT(prepared({bin("a.bin", 240)}), HasSubstr("at most 4 were expected (192 bytes); if it really holds 5"));
  EXPECT_THAT(prepared({bin("a.bin", 48), bin("b.bin", 96)}), HasSubstr("b.bin: 96 bytes, where a.bin has 48"));
  EXPECT_THAT(prepared({bin("a.bin", 96), bin("b.bin", 48), bin("c.bin", 96)}), HasSubstr("b.bin: 48 bytes"));
  EXPECT_EQ(prepared({bin("a.bin", 480)}, {.channels = 3, .side = 2, .how = {}, .max_rows = 0}), "10 ");
  EXPECT_THAT(prepared({{.file = "missing.bin", .kind = InputKind::bin}}), HasSubstr("missing.bin: cannot open"));
}

TEST_F(InputCheckTest, AnArrayHasTheModelsShape) {
  EXPECT_EQ(prepared({npy("a.npy", "<f4", {3, 2, 2}), npy("b.npy", "<f4", {4, 3, 2, 2})}), "1 4 ");
  EXPECT_THAT(prepared({npy("a.npy", "<f4", {2, 2, 3})}), HasSubstr("an array of shape (2, 2, 3)"));
  EXPECT_THAT(prepared({npy("a.npy", "<f4", {0, 3, 2, 2})}), HasSubstr("an array of shape (0, 3, 2, 2)"));
  EXPECT_THAT(prepared({npy("a.npy", "<f4", {5, 3, 2, 2})}), HasSubstr("5 pictures of 3 x 2 x 2"));
}

TEST_F(InputCheckTest, BinsOfAnotherSizeAreRefusedAndOfAnotherTransformWarnedOf) {
  const Input input = bin("bins/batch-00000.bin", 48);
  const auto made_for = [&](const Preprocess& how) {
    std::filesystem::remove(scratch_.folder() / "bins/.smlp-preprocess.jsonl");
    EXPECT_TRUE(JournalWriter::create(scratch_.folder() / "bins/.smlp-preprocess.jsonl", {.how = how}));
  };
  const InputSpec spec{.channels = 3, .side = 2, .how = {.resize = 2, .crop = 2}, .max_rows = 4};
  made_for(spec.how);
  EXPECT_EQ(prepared({input}, spec), "1 ");
  EXPECT_THAT(warnings_, IsEmpty());
  made_for({.resize = 3, .crop = 2});
  EXPECT_EQ(prepared({input}, spec), "1 ");
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("resized from 3 (bicubic)")));
  made_for({.resize = 4, .crop = 4});
  EXPECT_THAT(prepared({input}, spec), HasSubstr("its bins were made for 4 x 4 pixels"));
}

TEST_F(InputCheckTest, BinsThatPreprocessHasNotFinishedAreRefused) {
  const Input input = bin("bins/batch-00000.bin", 48);
  const auto journal = JournalWriter::create(scratch_.folder() / "bins/.smlp-preprocess.jsonl",
                                             {.pictures = 3, .how = {.resize = 2, .crop = 2}});
  EXPECT_TRUE(journal);
  EXPECT_THAT(prepared({input}), HasSubstr("bins: smlp preprocess has dealt with 0 of 3 pictures here"));
}

TEST_F(InputCheckTest, PicturesAreThere) {
  const auto problem = [](Input input, const InputSpec& spec = kSpec) {
    const auto outcome = check_pictures(std::span(&input, 1), spec);
    return outcome ? fmt::format("{} bytes", input.bytes) : outcome.error().message();
  };
  EXPECT_EQ(problem(picture("a.jpg")), "16 bytes");
  EXPECT_EQ(problem(picture("b.jpg", "text")), "4 bytes") << "whoever decodes it says that it is none";
  EXPECT_THAT(problem({.file = "missing.jpg"}), HasSubstr("missing.jpg: cannot open"));
  EXPECT_THAT(problem(picture("a.jpg"), {.channels = 1, .side = 2, .how = {}}), HasSubstr("the model takes 1 planes"));
  const auto path = scratch_.write("t.tar", test::member({.name = "x.png"}, "\x89PNG\r\n\x1A\nrest") +
                                                test::member({.name = "y.png"}, "text") + test::kTarEnd);
  const auto archive = std::make_shared<const TarArchive>(TarArchive::open(path).value());
  EXPECT_EQ(problem({.archive = archive, .member = 0}), "12 bytes");
  EXPECT_THAT(problem({.file = scratch_.folder()}), HasSubstr("is a directory"));
}

TEST_F(InputCheckTest, ResultsHaveNamesOfTheirOwn) {
  const Input one{.file = "d/a.1.jpg"}, other{.file = "e/b.jpg"}, same{.file = "e/a.png"};
  EXPECT_TRUE(check_result_names(std::vector{one, other}));
  EXPECT_THAT(check_result_names(std::vector{one, other, same}).error().message(),
              HasSubstr("e/a.png: its result would be named a_0, and so would that of d/a.1.jpg"));
}

TEST_F(InputCheckTest, ALimitCutsNoFile) {
  std::vector<Input> inputs = {{.file = "a.bin", .kind = InputKind::bin, .rows = 2},
                               {.file = "b.bin", .kind = InputKind::bin, .rows = 2},
                               {.file = "c.jpg"}};
  EXPECT_EQ(picture_count(inputs), 5U);
  EXPECT_THAT(keep_first(inputs, 3).error().message(),
              HasSubstr("b.bin: holds 2 pictures, and --limit 3 ends within them; give --limit 2 or 4"));
  EXPECT_THAT(keep_first(inputs, 1).error().message(), HasSubstr("give --limit 2"));
  EXPECT_TRUE(keep_first(inputs, 99));
  EXPECT_EQ(inputs.size(), 3U);
  EXPECT_TRUE(keep_first(inputs, 4));
  EXPECT_EQ(inputs.size(), 2U);
}

}  // namespace
}  // namespace smlp
