#include "tasks/named_model.h"

#include <gmock/gmock.h>

#include "formats/read.h"
#include "support/model_file.h"
#include "support/scratch.h"

namespace smlp {
namespace {

using ::testing::ElementsAre;

TEST(NamedModel, NamesOfAFileReplaceTheModelsOwn) {
  const test::Scratch scratch;
  const auto path = scratch.folder() / "m.safetensors";
  test::write_model(path, test::small_config(2));
  const auto named = load_named_model(path, scratch.write("c.txt", "n01440764 tench\nn02102040 springer\n"));
  ASSERT_TRUE(named) << named.error().message();
  EXPECT_THAT(named->model.class_names(), ElementsAre("tench", "springer"));
  EXPECT_THAT(named->classes.wnids, ElementsAre("n01440764", "n02102040"));
}

TEST(NamedModel, NamesInMemoryReplaceTheModelsOwn) {
  const test::Scratch scratch;
  const auto path = scratch.folder() / "m.safetensors";
  test::write_model(path, test::small_config(2));
  const auto named = load_named_model(path, std::vector<std::string>{"cat", "dog"});
  ASSERT_TRUE(named) << named.error().message();
  EXPECT_THAT(named->model.class_names(), ElementsAre("cat", "dog"));
  for (const auto& names : {std::vector<std::string>{"cat"}, std::vector<std::string>{"cat", ""}}) {
    const auto refused = load_named_model(path, names);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().file, path);
  }
}

TEST(NamedModel, TensorsInMemoryAreReadAsAFileIs) {
  const test::Scratch scratch;
  const auto path = scratch.folder() / "m.safetensors";
  test::write_model(path, test::small_config(2));
  const auto file = read_tensor_file(path);
  ASSERT_TRUE(file);
  TensorFile tensors;
  tensors.format = "tensors in memory";
  tensors.tensors = file->tensors;
  PreprocessOverrides half;
  half.crop_pct = 0.5;
  const auto named = named_model_of_tensors(tensors, std::vector<std::string>{"cat", "dog"}, half);
  ASSERT_TRUE(named) << named.error().message();
  EXPECT_THAT(named->model.class_names(), ElementsAre("cat", "dog"));
  EXPECT_EQ(named->model.preprocessing().resize, 2 * named->model.image_size());
  tensors.tensors.pop_back();
  EXPECT_FALSE(named_model_of_tensors(tensors, {}));
}

}  // namespace
}  // namespace smlp
