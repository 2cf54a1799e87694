#include "tasks/named_model.h"

#include <gmock/gmock.h>

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

}  // namespace
}  // namespace smlp
