#include "api/load.h"

#include <gmock/gmock.h>

#include <cstdlib>

#include "support/model_file.h"
#include "support/scratch.h"

namespace smlp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Load, WhatTheFileSaysIsKept) {
  const test::Scratch scratch;
  const auto path = scratch.folder() / "m.safetensors";
  test::write_model(path, test::small_config(3), 1, {{"smlp.classes", R"(["ant", "bee", "cat"])"}});
  const auto model = Model::load(path);
  ASSERT_TRUE(model) << model.error().message();
  EXPECT_EQ(model->classes(), 3);
  EXPECT_EQ(model->image_size(), 32);
  EXPECT_EQ(model->in_channels(), 3);
  EXPECT_THAT(model->class_names(), ElementsAre("ant", "bee", "cat"));
  EXPECT_EQ(model->preprocessing(), Preprocess::for_image_size(32));
  EXPECT_EQ(model->network()->source_name, "m.safetensors");
}

TEST(Load, ErrorsNameTheFile) {
  const test::Scratch scratch;
  for (const auto& path : {scratch.folder() / "missing.pth", scratch.write("text.pth", "hello"), scratch.folder()}) {
    const auto model = Model::load(path);
    ASSERT_FALSE(model);
    EXPECT_EQ(model.error().file, path.string());
  }
}

TEST(Load, TheBundledModelIsLookedForWhereTheEnvironmentSays) {
  const test::Scratch scratch;
  ::setenv("SMLP_MODEL_DIR", scratch.folder().c_str(), 1);
  const auto missing = Model::bundled();
  test::write_model(scratch.folder() / "smlp_imagenette.safetensors", test::small_config());
  const auto found = Model::bundled();
  ::unsetenv("SMLP_MODEL_DIR");
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message(), HasSubstr("SMLP_MODEL_DIR"));
  EXPECT_TRUE(found) << found.error().message();
}

}  // namespace
}  // namespace smlp
