// What no model file may bring in, whatever its format: numbers that are none, other types and shapes, a tensor too
// many, too few or twice.
#include "model/gate.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "base/float16.h"
#include "formats/compiled.h"
#include "formats/fixtures.h"
#include "formats/folded_network.h"
#include "formats/metadata.h"
#include "model/checkpoint.h"
#include "support/generator.h"
#include "support/scratch.h"

namespace smlp {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

const Config kSmall = {.in_channels = 3, .dim = 2, .alpha = 2, .patch = 4, .image = 16, .classes = 3, .depths = {1, 1}};
constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();
constexpr float kBad[] = {kNan, -kNan, kInfinity, -kInfinity, 0x1.FFp127F};  // the last is infinite in bfloat16

Network make_network(Precision precision) {
  Network network =
      test::folded_network(kSmall, [](int count) { return std::vector<float>(static_cast<std::size_t>(count), 0.5F); });
  network.preprocess = Preprocess::for_image_size(kSmall.image);
  network.precision = precision;
  return precision == Precision::int8 ? test::with_int8(std::move(network)) : network;
}

std::string compiled_bytes(Precision precision) {
  const test::Scratch scratch;
  const auto path = scratch.folder() / "model.smlp";
  const auto written = write_compiled(make_network(precision), path);
  EXPECT_TRUE(written) << written.error().message();
  return read_text(path);
}

std::string compiled_error(const std::string& bytes) {
  const auto file = read_bytes(bytes);
  if (!file) return file.error().message();
  const auto network = read_compiled(*file);
  return network ? "no error" : network.error().message();
}

// Overwrites one element of a tensor that is a view of `bytes`.
void poison(std::string& bytes, const Tensor& tensor, std::size_t element, float value) {
  auto at = static_cast<std::size_t>(reinterpret_cast<const char*>(tensor.storage.data()) - bytes.data());
  at += element * dtype_size(tensor.dtype);
  if (tensor.dtype == DType::f32) std::memcpy(bytes.data() + at, &value, 4);
  if (tensor.dtype == DType::bf16) {
    const std::uint16_t half = float_to_bfloat16(value);
    std::memcpy(bytes.data() + at, &half, 2);
  }
}

class CompiledGate : public testing::TestWithParam<Precision> {};
INSTANTIATE_TEST_SUITE_P(Precisions, CompiledGate, testing::Values(Precision::fp32, Precision::bf16, Precision::int8),
                         [](const auto& precision) { return std::string(precision_name(precision.param)); });

TEST_P(CompiledGate, RefusesWhatIsNotFiniteAnywhere) {
  const std::string whole = compiled_bytes(GetParam());
  ASSERT_EQ(compiled_error(whole), "no error");
  const auto file = read_bytes(whole).value();
  for (const Tensor& tensor : file.tensors) {
    if (tensor.dtype == DType::i8 || tensor.dtype == DType::u8) continue;
    const auto last = static_cast<std::size_t>(tensor.elements()) - 1;
    for (const std::size_t element : {std::size_t{0}, last / 2, last}) {
      for (const float value : kBad) {
        std::string bytes = whole;
        poison(bytes, read_bytes(bytes)->tensors[&tensor - file.tensors.data()], element, value);
        EXPECT_THAT(compiled_error(bytes), AllOf(StartsWith(fmt::format("FILE: tensor '{}': element", tensor.name)),
                                                 HasSubstr(fmt::format("element {} is", element))))
            << value;
      }
    }
  }
}

// F32 as I32, of the same size: the bits of weights would be read as huge integers.
TEST_P(CompiledGate, RefusesAnotherTypeOfTheSameSize) {
  const std::string whole = compiled_bytes(GetParam());
  const auto file = read_bytes(whole).value();
  for (const Tensor& tensor : file.tensors) {
    if (tensor.dtype == DType::i8 || tensor.dtype == DType::u8) continue;
    const bool half = tensor.dtype == DType::bf16;
    std::string bytes = whole;
    const std::size_t name = bytes.find('"' + tensor.name + '"');
    ASSERT_NE(name, bytes.npos);
    const std::string from = half ? "\"BF16\"" : "\"F32\"", to = half ? "\"I16\" " : "\"I32\"";
    bytes.replace(bytes.find(from, name), from.size(), to);
    EXPECT_THAT(compiled_error(bytes), StartsWith(fmt::format("FILE: tensor '{}': type {}, expected {}", tensor.name,
                                                              half ? "I16" : "I32", half ? "BF16" : "F32")));
  }
}

TEST(CompiledGate, ScalesOfInt8ArePositiveFiniteAndAsManyAsThereAreOutputs) {
  const std::string whole = compiled_bytes(Precision::int8);
  const auto file = read_bytes(whole).value();
  int scales = 0;
  for (const Tensor& tensor : file.tensors) {
    if (!tensor.name.ends_with("_scale")) continue;
    ++scales;
    const auto last = static_cast<std::size_t>(tensor.elements()) - 1;
    for (const float value : {0.0F, -0.0F, -1.0F, 1e-40F, 1e-38F, kNan, kInfinity, 1e30F}) {
      std::string bytes = whole;
      poison(bytes, read_bytes(bytes)->tensors[&tensor - file.tensors.data()], last, value);
      EXPECT_THAT(compiled_error(bytes), StartsWith(fmt::format("FILE: tensor '{}': element {} is", tensor.name, last)))
          << value;
    }
    TensorFile shorter = read_bytes(whole).value();
    shorter.path = "FILE";
    Tensor& cut = shorter.tensors[static_cast<std::size_t>(&tensor - file.tensors.data())];
    cut.shape[0] -= 1;
    cut.storage = cut.storage.first(cut.storage.size() - 4);
    EXPECT_THAT(read_compiled(shorter).error().message(), HasSubstr(fmt::format("tensor '{}': shape", tensor.name)));
  }
  EXPECT_EQ(scales, 2 * 3 * 2);
}

TEST(CompiledGate, Int8IsFromMinus127To127) {
  std::string bytes = compiled_bytes(Precision::int8);
  const auto file = read_bytes(bytes).value();
  const auto found = std::ranges::find(file.tensors, "block.1.fc1.weight", &Tensor::name);
  ASSERT_NE(found, file.tensors.end());
  bytes[static_cast<std::size_t>(reinterpret_cast<const char*>(found->storage.data()) - bytes.data()) + 2] = '\x80';
  EXPECT_THAT(compiled_error(bytes), HasSubstr("tensor 'block.1.fc1.weight': element 2 is -128"));
}

TEST(CompiledGate, Int8WithoutAProductInInt8IsRefused) {
  Network network = make_network(Precision::fp32);
  network.precision = Precision::int8;
  EXPECT_THAT(check_network(network).error().message(), HasSubstr("none of its products is"));
}

TEST(CompiledGate, TheWeightsAreOfThePrecisionThatTheMetadataSay) {
  std::string bytes = compiled_bytes(Precision::fp32);
  bytes.replace(bytes.find("\"fp32\""), 6, "\"bf16\"");
  EXPECT_THAT(compiled_error(bytes), HasSubstr("type F32, expected BF16"));
}

TEST(CompiledGate, RefusesATensorTooManyAndOneTooFew) {
  const std::string bytes = compiled_bytes(Precision::fp32);
  auto file = read_bytes(bytes).value();
  file.path = "FILE";
  Tensor extra = file.tensors.front();
  extra.name = "block.2.pre.scale";
  file.tensors.push_back(extra);
  EXPECT_THAT(read_compiled(file).error().message(), StartsWith("FILE: tensor 'block.2.pre.scale': is not part of"));
  file.tensors.pop_back();
  file.tensors.push_back(file.tensors.front());
  EXPECT_THAT(read_compiled(file).error().message(), HasSubstr("stands twice in the file"));
  file.tensors.pop_back();
  const std::string lost = file.tensors.back().name;
  file.tensors.pop_back();
  EXPECT_THAT(read_compiled(file).error().message(), StartsWith(fmt::format("FILE: tensor '{}': is missing", lost)));
}

TEST(CompiledGate, NothingIsWrittenThatWouldNotLoad) {
  const test::Scratch scratch;
  const auto path = scratch.folder() / "model.smlp";
  const auto refused = [&](const Network& network, const std::string& why) {
    const auto written = write_compiled(network, path);
    ASSERT_FALSE(written) << why;
    EXPECT_THAT(written.error().message(), HasSubstr(why));
    EXPECT_FALSE(std::filesystem::exists(path));
  };
  Network network = make_network(Precision::fp32);
  network.batch = 2'000'000'000;
  refused(network, "a batch of 2000000000 pictures; 1 to 65536 are possible");
  network.batch = kMaxBatch + 1;
  refused(network, "a batch of 65537 pictures");
  network = make_network(Precision::fp32);
  network.blocks[1].fc2.bias[3] = kNan;
  refused(network, "tensor 'block.1.fc2.bias': element 3 is nan");
  network = make_network(Precision::fp32);
  network.class_names = {"one", "two"};
  refused(network, "2 class names for 3 classes");
}

TEST(CompiledGate, ABatchHasALimitWhenItIsRead) {
  Network network = make_network(Precision::fp32);
  network.batch = kMaxBatch;
  const test::Scratch scratch;
  const auto path = scratch.folder() / "model.smlp";
  ASSERT_TRUE(write_compiled(network, path));
  std::string bytes = read_text(path);
  EXPECT_EQ(compiled_error(bytes), "no error");
  bytes.replace(bytes.find("\"65536\""), 7, "\"65537\"");
  EXPECT_THAT(compiled_error(bytes), HasSubstr("smlp.batch '65537' is no batch size; 1 to 65536 are possible"));
}

TEST(Gate, AnEpsilonKeepsDivisionsApartFromZero) {
  for (const float epsilon : {0.0F, -1e-5F, kNan, kInfinity, 1.5F}) {
    Network network = make_network(Precision::fp32);
    network.blocks[1].norm_epsilon = epsilon;
    const auto checked = check_network(network);
    ASSERT_FALSE(checked) << epsilon;
    EXPECT_THAT(checked.error().message(), StartsWith("tensor 'norm_epsilon': element 1 is"));
  }
}

TEST(Gate, EveryPartHasItsSize) {
  Network network = make_network(Precision::fp32);
  ASSERT_TRUE(check_network(network));
  network.blocks[0].pre.shift.push_back(0);
  EXPECT_THAT(check_network(network).error().message(), HasSubstr("'block.0.pre.shift': 3 values, expected 2"));
  network = make_network(Precision::fp32);
  network.blocks[0].fc1.weight = std::vector<float>(7);
  EXPECT_THAT(check_network(network).error().message(), HasSubstr("'block.0.fc1.weight': 7 values"));
  network = make_network(Precision::fp32);
  network.head.outputs = 2;
  EXPECT_THAT(check_network(network).error().message(), HasSubstr("'head.weight'"));
  network = make_network(Precision::fp32);
  network.head.bias.pop_back();
  EXPECT_THAT(check_network(network).error().message(), HasSubstr("'head.bias': 2 values, expected 3"));
  network = make_network(Precision::fp32);
  network.stems[1].bias = {1, 2, kNan, 4};  // a bias where none is wanted is looked at, too
  EXPECT_THAT(check_network(network).error().message(), HasSubstr("'stem.1.bias': element 2"));
  network = make_network(Precision::fp32);
  network.blocks.pop_back();
  EXPECT_FALSE(check_network(network));
}

TEST(Gate, ANormalisationThatGivesNoNumbersIsRefused) {
  for (const float deviation : {0.0F, -1.0F, kNan, 1e-45F}) {
    Network network = make_network(Precision::fp32);
    network.preprocess.std[1] = deviation;
    EXPECT_FALSE(check_network(network)) << deviation;
  }
  Network network = make_network(Precision::fp32);
  network.preprocess.mean[2] = kInfinity;
  EXPECT_FALSE(check_network(network));
}

TEST(Gate, ValuesUpToTheLargestBfloat16AreFine) {
  constexpr float kLargest = 0x1.FEp127F;
  EXPECT_TRUE(check_values(std::array{kLargest, -kLargest, 0.0F, -0.0F, 1e-45F}));
  EXPECT_FALSE(check_values(std::array{0.0F, std::nextafter(kLargest, kInfinity)}));
  // Found wherever it stands, in a vector or across blocks of the search.
  for (const std::size_t size : {1, 7, 4095, 4096, 4097, 10'000}) {
    for (const std::size_t at : {std::size_t{0}, size / 2, size - 1}) {
      std::vector<float> values(size, 1.0F);
      values[at] = kNan;
      EXPECT_EQ(first_unusable(values), at) << size;
    }
  }
}

TEST(StateDictGate, RefusesWhatIsNotFiniteAnywhere) {
  const Weights weights = test::make_weights(kSmall, 1);
  const TensorFile whole = tensors_from_weights(weights);
  ASSERT_TRUE(weights_from_tensors(whole));
  for (std::size_t i = 0; i < whole.tensors.size(); ++i) {
    if (whole.tensors[i].dtype != DType::f32) continue;
    const auto elements = static_cast<std::size_t>(whole.tensors[i].elements());
    for (const std::size_t element : {std::size_t{0}, elements - 1}) {
      for (const float value : kBad) {
        TensorFile file = whole;
        file.path = "FILE";
        std::vector<float> values = whole.tensors[i].to_float().value();
        values[element] = value;
        file.tensors[i].storage = std::as_bytes(std::span(values));
        const auto read = weights_from_tensors(file);
        ASSERT_FALSE(read) << whole.tensors[i].name;
        EXPECT_THAT(read.error().message(),
                    StartsWith(fmt::format("FILE: tensor '{}': element {} is", whole.tensors[i].name, element)));
      }
    }
  }
}

TEST(StateDictGate, RefusesNegativeVariancesIntegersAndDoubles) {
  const Weights weights = test::make_weights(kSmall, 1);
  const TensorFile whole = tensors_from_weights(weights);
  int variances = 0;
  for (std::size_t i = 0; i < whole.tensors.size(); ++i) {
    const Tensor& tensor = whole.tensors[i];
    if (tensor.dtype != DType::f32) continue;
    TensorFile file = whole;
    file.tensors[i].dtype = DType::i32;
    EXPECT_THAT(weights_from_tensors(file).error().message(), HasSubstr(tensor.name + "': type")) << tensor.name;
    // Beyond float32, though finite.
    std::vector<double> doubles(static_cast<std::size_t>(tensor.elements()), 0.5);
    doubles.back() = 1e300;
    file.tensors[i].dtype = DType::f64;
    file.tensors[i].storage = std::as_bytes(std::span(doubles));
    EXPECT_THAT(weights_from_tensors(file).error().message(), HasSubstr(tensor.name + "': element"));
    if (!tensor.name.ends_with("running_var")) continue;
    ++variances;
    file = whole;
    std::vector<float> values = tensor.to_float().value();
    values.back() = -1e-6F;
    file.tensors[i].storage = std::as_bytes(std::span(values));
    EXPECT_THAT(weights_from_tensors(file).error().message(), HasSubstr("a variance cannot be negative"));
  }
  EXPECT_EQ(variances, 5);
}

}  // namespace
}  // namespace smlp
