#include "data/input_manifest.h"

#include <gmock/gmock.h>

#include "support/scratch.h"

namespace smlp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(InputManifest, IsReadBack) {
  const test::Scratch scratch;
  const InputManifest known{.truth = "labels.npy",
                            .missing = "",
                            .inputs = {{.file = "a/b.bin", .stem = "b", .rows = 2, .labels = {7, 0}},
                                       {.file = "c.bin", .stem = "c", .rows = 1, .labels = {1}}},
                            .classes = {.names = {"a, b", "c"}, .wnids = {"n01440764", "n02102040"}}};
  scratch.write(kInputManifest, input_manifest_text(known));
  const auto read = read_input_manifest(scratch.folder());
  ASSERT_TRUE(read && *read);
  EXPECT_EQ((*read)->truth, "labels.npy");
  EXPECT_THAT((*read)->classes.names, ElementsAre("a, b", "c"));
  EXPECT_THAT((*read)->classes.wnids, ElementsAre("n01440764", "n02102040"));
  ASSERT_EQ((*read)->inputs.size(), 2U);
  EXPECT_EQ((*read)->inputs[0].file, "a/b.bin");
  EXPECT_EQ((*read)->inputs[0].stem, "b");
  EXPECT_EQ((*read)->inputs[0].rows, 2);
  EXPECT_THAT((*read)->inputs[0].labels, ElementsAre(7, 0));
  const InputManifest unknown{.truth = "", .missing = "why", .inputs = {{.file = "x", .stem = "x"}}};
  scratch.write(kInputManifest, input_manifest_text(unknown));
  EXPECT_EQ((*read_input_manifest(scratch.folder()))->missing, "why");
  EXPECT_TRUE((*read_input_manifest(scratch.folder()))->inputs[0].labels.empty());
}

TEST(InputManifest, WhatIsNotKnownIsNotWritten) {
  EXPECT_EQ(input_manifest_text({.truth = "", .missing = "", .inputs = {{.file = "a/x.bin", .stem = "x", .rows = 2}}}),
            "{\"smlp_inputs\":1,\"truth\":\"\"}\n{\"file\":\"a/x.bin\",\"stem\":\"x\",\"rows\":2}\n");
}

TEST(InputManifest, EarlierVersionsKnewNoClasses) {
  const test::Scratch scratch;
  scratch.write(kInputManifest, "{\"smlp_inputs\":1,\"truth\":\"\"}\n{\"file\":\"a\",\"stem\":\"a\",\"rows\":1}\n");
  const auto read = read_input_manifest(scratch.folder());
  ASSERT_TRUE(read && *read);
  EXPECT_TRUE((*read)->classes.names.empty());
}

TEST(InputManifest, AbsentAndDamaged) {
  const test::Scratch scratch;
  const auto none = read_input_manifest(scratch.folder());
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
  for (const char* text :
       {"",
        "x\n",
        "{}\n",
        "{\"smlp_inputs\":2,\"truth\":\"\"}\n",
        "{\"smlp_inputs\":1}\n",
        "{\"truth\":\"\"}\n",
        "{\"smlp_inputs\":1,\"truth\":\"\"}\n{\"file\":\"a\",\"rows\":1}\n",
        "{\"smlp_inputs\":1,\"truth\":\"\"}\n{\"stem\":\"a\",\"rows\":1}\n",
        "{\"smlp_inputs\":1,\"truth\":\"\"}\n{\"file\":\"a\",\"stem\":\"a\",\"rows\":-1}\n",
        "{\"smlp_inputs\":1,\"truth\":\"t\"}\n{\"file\":\"a\",\"stem\":\"a\",\"rows\":1,\"labels\":[1,2]}\n",
        "{\"smlp_inputs\":1,\"truth\":\"\"}\n{\"file\":\"a\"}\n",
        "{\"smlp_inputs\":1,\"truth\":\"t\"}\n{\"file\":\"a\",\"stem\":\"a\",\"rows\":2,\"labels\":[1]}\n",
        "{\"smlp_inputs\":1,\"truth\":\"t\"}\n{\"file\":\"a\",\"stem\":\"a\",\"rows\":1}\n",
        "{\"smlp_inputs\":1,\"truth\":\"\"}\n{\"file\":\"a\",\"stem\":\"a\",\"rows\":0}\n",
        "{\"smlp_inputs\":1,\"truth\":\"\"}\n{\"file\":\"a\",\"stem\":\"a\",\"rows\":4294967297}\n",
        "{\"smlp_inputs\":1,\"truth\":\"\"}\n{\"file\":\"a\",\"stem\":\"a\",\"rows\":16777217}\n",
        "{\"smlp_inputs\":1,\"truth\":\"t\"}\n{\"file\":\"a\",\"stem\":\"a\",\"rows\":1,\"labels\":[-1]}\n",
        "{\"smlp_inputs\":1,\"truth\":\"t\"}\n{\"file\":\"a\",\"stem\":\"a\",\"rows\":1,\"labels\":[-4294967295]}\n",
        "{\"smlp_inputs\":1,\"truth\":\"t\"}\n{\"file\":\"a\",\"stem\":\"a\",\"rows\":1,\"labels\":[1048576]}\n",
        "{\"smlp_inputs\":1,\"truth\":\"\"}\n{\"file\":\"a\",\"stem\":\"a\",\"rows\":1}\n"
        "{\"file\":\"b\",\"stem\":\"a\",\"rows\":1}\n",
        "{\"smlp_inputs\":1,\"truth\":\"t\"}\n{\"file\":\"a\",\"stem\":\"a\",\"rows\":1,\"labels\":[1.5]}\n"}) {
    scratch.write(kInputManifest, text);
    const auto read = read_input_manifest(scratch.folder());
    ASSERT_FALSE(read) << text;
    EXPECT_THAT(read.error().message(), HasSubstr("damaged list of a run's inputs")) << text;
  }
}

}  // namespace
}  // namespace smlp
