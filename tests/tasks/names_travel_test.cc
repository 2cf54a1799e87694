// Names, WordNet ids and preprocessing of a checkpoint are there after export and compile.
#include <gmock/gmock.h>

#include "support/model_file.h"
#include "support/scratch.h"
#include "tasks/compile.h"
#include "tasks/export_model.h"
#include "tasks/named_model.h"

namespace smlp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kPreprocess =
    R"({"resize": 40, "crop": 32, "interpolation": "bicubic", "mean": [0.5, 0.25, 0.125], "std": [1, 2, 3]})";

class NamesTravel : public ::testing::Test {
 protected:
  std::filesystem::path file(const char* name) const { return scratch_.folder() / name; }

  void convert() {
    const auto exported = export_model({.checkpoint = file("m.safetensors"), .onnx = file("m.onnx")});
    ASSERT_TRUE(exported) << exported.error().message();
    const auto compiled = compile_model({.model = file("m.onnx"), .output = file("m.smlp")});
    ASSERT_TRUE(compiled) << compiled.error().message();
  }

  test::Scratch scratch_;
};

TEST_F(NamesTravel, ThroughExportAndCompile) {
  test::write_model(file("m.safetensors"), test::small_config(2), 1,
                    {{"smlp.classes", R"(["tench, Tinca tinca", "\u00e9t\u00e9"])"},
                     {"smlp.wnids", R"(["n01440764", "n02102040"])"},
                     {"smlp.preprocess", kPreprocess}});
  convert();
  for (const char* name : {"m.safetensors", "m.onnx", "m.smlp"}) {
    const auto named = load_named_model(file(name), {});
    ASSERT_TRUE(named) << named.error().message();
    EXPECT_THAT(named->classes.names, ElementsAre("tench, Tinca tinca", "\u00e9t\u00e9")) << name;
    EXPECT_THAT(named->classes.wnids, ElementsAre("n01440764", "n02102040")) << name;
    EXPECT_EQ(named->model.preprocessing().resize, 40) << name;
    EXPECT_EQ(named->model.preprocessing().std[2], 3) << name;
  }
}

TEST_F(NamesTravel, NothingIsMadeUpWhereThereIsNothing) {
  test::write_model(file("m.safetensors"), test::small_config(2));
  convert();
  for (const char* name : {"m.onnx", "m.smlp"}) {
    const auto named = load_named_model(file(name), {});
    ASSERT_TRUE(named) << named.error().message();
    EXPECT_THAT(named->classes.names, IsEmpty()) << name;
    EXPECT_THAT(named->classes.wnids, IsEmpty()) << name;
  }
}

TEST_F(NamesTravel, AListOfClassesReplacesBoth) {
  test::write_model(file("m.safetensors"), test::small_config(2), 1,
                    {{"smlp.classes", R"(["a", "b"])"}, {"smlp.wnids", R"(["n01440764", "n02102040"])"}});
  const auto list = scratch_.write("c.txt", "x\ny\n");
  const auto named = load_named_model(file("m.safetensors"), list);
  ASSERT_TRUE(named);
  EXPECT_THAT(named->classes.wnids, IsEmpty()) << "they belonged to the other names";
  CompileOptions options{.model = file("m.safetensors"), .output = file("m.smlp")};
  options.classes = list;
  ASSERT_TRUE(compile_model(options));
  EXPECT_THAT(load_named_model(file("m.smlp"), {})->classes.wnids, IsEmpty());
}

TEST_F(NamesTravel, AsManyIdsAsClasses) {
  test::write_model(file("m.safetensors"), test::small_config(2), 1, {{"smlp.wnids", R"(["n01440764"])"}});
  EXPECT_THAT(load_named_model(file("m.safetensors"), {}).error().message(),
              HasSubstr("smlp.wnids has 1 words, the network has 2 classes"));
}

// So that evaluate knows Imagenette's folders.
TEST(BundledModel, CarriesItsWordNetIds) {
  const auto named = load_named_model({}, {});
  ASSERT_TRUE(named) << named.error().message();
  EXPECT_THAT(named->classes.wnids, ElementsAre("n01440764", "n02102040", "n02979186", "n03000684", "n03028079",
                                                "n03394916", "n03417042", "n03425413", "n03445777", "n03888257"));
}

}  // namespace
}  // namespace smlp
