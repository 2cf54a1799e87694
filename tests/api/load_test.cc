#include "api/load.h"

#include <gmock/gmock.h>

#include <cstdlib>

#include "api/inspect.h"
#include "base/sha256.h"
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
  EXPECT_EQ(model->preprocess(), Preprocess::for_image_size(32));
  EXPECT_EQ(model->network()->source_name, "m.safetensors");
}

TEST(Load, NamesOfAFileReplaceTheModelsOwn) {
  const test::Scratch scratch;
  const auto path = scratch.folder() / "m.safetensors";
  test::write_model(path, test::small_config(2));
  const auto named = load_named_model(path, scratch.write("c.txt", "n01440764 tench\nn02102040 springer\n"));
  ASSERT_TRUE(named) << named.error().message();
  EXPECT_THAT(named->model.class_names(), ElementsAre("tench", "springer"));
  EXPECT_THAT(named->classes.wnids, ElementsAre("n01440764", "n02102040"));
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

TEST(Inspect, AFileOfAnotherNetworkIsStillListed) {
  const test::Scratch scratch;
  const auto path =
      scratch.write("other.safetensors", std::string("\x40\0\0\0\0\0\0\0", 8) +
                                             R"({"fc.weight":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  )" +
                                             std::string(8, '\0'));
  const auto report = inspect_file(path);
  ASSERT_TRUE(report) << report.error().message();
  ASSERT_EQ(report->file.tensors.size(), 1U);
  EXPECT_EQ(report->file.tensors[0].name, "fc.weight");
  EXPECT_FALSE(report->network);
  ASSERT_TRUE(report->no_network);
  EXPECT_EQ(report->sha256, sha256_file(path).value());
}

TEST(Inspect, ANetworkIsRecognised) {
  const test::Scratch scratch;
  const auto path = scratch.folder() / "m.safetensors";
  test::write_model(path, test::small_config());
  const auto report = inspect_file(path);
  ASSERT_TRUE(report) << report.error().message();
  ASSERT_TRUE(report->network);
  EXPECT_EQ(report->network->config, test::small_config());
  EXPECT_EQ(report->bytes, static_cast<std::int64_t>(std::filesystem::file_size(path)));
}

}  // namespace
}  // namespace smlp
