// The calls that torch.save pickles, written by hand: storages, sizes, types and wrappers, each also malformed.
#include <gmock/gmock.h>

#include <numeric>

#include "formats/fixtures.h"
#include "formats/pickle.h"
#include "formats/torch_tensors.h"

namespace smlp {
namespace {

using namespace std::string_literals;
using testing::ElementsAre;
using testing::HasSubstr;

std::string integer(std::int64_t value) { return fmt::format("I{}\n", value); }
std::string text(const std::string& value) { return "S'" + value + "'\n"; }
std::string tuple(const std::string& items) { return "(" + items + "t"; }
std::string call(const std::string& function, const std::string& items) {
  return "c" + function + "\n" + tuple(items) + "R";
}
std::string dict(const std::string& items) { return "(" + items + "d"; }

constexpr const char* kFloats = "ctorch\nFloatStorage\n";
constexpr const char* kUntyped = "ctorch.storage\nUntypedStorage\n";
constexpr const char* kV2 = "torch._utils\n_rebuild_tensor_v2";
constexpr const char* kV3 = "torch._utils\n_rebuild_tensor_v3";

std::string storage(const std::string& type, std::int64_t elements) {
  return tuple(text("storage") + type + text("0") + text("cpu") + integer(elements)) + "Q";
}
// Storage, offset, size, stride, requires_grad, hooks of a tensor of 2 x 3 in a storage of 16 floats.
std::string arguments(const std::string& type = kFloats, std::int64_t elements = 16, std::int64_t offset = 1) {
  return storage(type, elements) + integer(offset) + tuple(integer(2) + integer(3)) + tuple(integer(3) + integer(1)) +
         "\x89" + call("collections\nOrderedDict", "");
}
std::string tensor() { return call(kV2, arguments()); }

// What is collected of a pickle whose every storage has 64 bytes: the floats 0, 1, ..., 15.
Result<TensorFile> collected(const std::string& pickled) {
  static const std::vector<float> floats = [] {
    std::vector<float> values(16);
    std::iota(values.begin(), values.end(), 0.0F);
    return values;
  }();
  const std::string bytes = pickled + ".";
  ByteReader reader(bytes_of(bytes));
  SMLP_TRY(pickle, read_pickle(reader));
  TensorFile file;
  SMLP_CHECK(collect_tensors(
      pickle, [](const auto&) { return Result<std::span<const std::byte>>(std::as_bytes(std::span(floats))); }, file));
  return file;
}

// "container/name: type shape: values" of each tensor, or the error.
std::vector<std::string> listed(const std::string& pickled) {
  const auto file = collected(pickled);
  if (!file) return {file.error().message()};
  std::vector<std::string> lines;
  for (const Tensor& tensor : file->tensors) {
    const auto values = tensor.to_float();
    lines.push_back(fmt::format("{}/{}: {} {}: {}", tensor.container, tensor.name, tensor.dtype_text,
                                tensor.shape_text(), values ? fmt::format("{}", fmt::join(*values, " ")) : "none"));
  }
  return lines;
}

std::string only(const std::string& pickled) {
  const auto lines = listed(pickled);
  return lines.size() == 1 ? lines[0] : fmt::format("{} tensors", lines.size());
}

const std::string kPlain = "/tensor: float32 (2, 3): 1 2 3 4 5 6";

TEST(TorchStorageId, HasAWordATypeAKeyAPlaceAndASize) {
  const auto found = [](const std::string& id) {
    const std::string bytes = id + ".";
    ByteReader reader(bytes_of(bytes));
    const auto pickle = read_pickle(reader);
    EXPECT_TRUE(pickle) << pickle.error().message();
    return read_storage_id(*pickle, pickle->top()).has_value();
  };
  const std::string type = kFloats, front = text("storage") + type + text("0"),
                    whole = front + text("cpu") + integer(16);
  EXPECT_TRUE(found(tuple(whole) + "Q"));
  EXPECT_TRUE(found(tuple(whole + "N") + "Q"));
  EXPECT_TRUE(found(tuple(whole + tuple(text("1") + integer(0) + integer(16))) + "Q"));
  for (const std::string& bad :
       {tuple(whole), "("s + tuple(whole) + "t", "N"s, text("storage"),      // no persistent id
        "("s + whole + "lQ", text("storage") + "Q", "NQ"s, tuple("") + "Q",  // no tuple
        tuple(front + integer(16)) + "Q", tuple(text("storage")) + "Q",      // too short
        tuple(text("module") + type + text("0") + text("cpu") + integer(16)) + "Q",
        tuple("N" + type + text("0") + text("cpu") + integer(16)) + "Q",
        tuple(text("storage") + text("torch.FloatStorage") + text("0") + text("cpu") + integer(16)) + "Q",
        tuple(text("storage") + "ctorch\nSize\n" + text("0") + text("cpu") + integer(16)) + "Q",
        tuple(text("storage") + type + integer(0) + text("cpu") + integer(16)) + "Q",
        tuple(front + text("cpu") + text("16")) + "Q", tuple(whole + integer(0)) + "Q",
        tuple(whole + tuple(text("1") + integer(0))) + "Q",
        tuple(whole + tuple(text("1") + integer(0) + integer(16) + "N")) + "Q"}) {
    EXPECT_FALSE(found(bad)) << testing::PrintToString(bad);
  }
}

TEST(TorchSize, IsATupleAListOrATorchSizeOfIntegers) {
  const auto sized = [](const std::string& size) {
    return only(call(kV2, storage(kFloats, 16) + integer(1) + size + tuple(integer(3) + integer(1)) + "\x89N"));
  };
  const std::string numbers = integer(2) + integer(3);
  EXPECT_EQ(sized(tuple(numbers)), kPlain);
  EXPECT_EQ(sized("(" + numbers + "l"), kPlain);
  EXPECT_EQ(sized(call("torch\nSize", tuple(numbers))), kPlain);
  EXPECT_EQ(sized(call("torch\nSize", "(" + numbers + "l")), kPlain);
  for (const std::string& bad : {"N"s, integer(6), text("2, 3"), tuple(integer(2) + text("3")), dict(numbers),
                                 call("torch\nSize", ""), call("torch\nSize", numbers), call("torch\nSize", integer(6)),
                                 call("torch\ndevice", tuple(numbers)), tuple(integer(2) + "\x88")}) {
    EXPECT_THAT(sized(bad), HasSubstr("a size that is no tuple of numbers")) << testing::PrintToString(bad);
  }
}

TEST(TorchTensor, TakesItsTypeFromItsStorageOrAsAnArgument) {
  const std::string float32 = "ctorch\nfloat32\n", float16 = "ctorch\nfloat16\n";
  EXPECT_EQ(only(tensor()), kPlain);
  EXPECT_EQ(only(call("torch._utils\n_rebuild_tensor",
                      storage(kFloats, 16) + integer(1) + tuple(integer(2)) + tuple(integer(1)))),
            "/tensor: float32 (2,): 1 2");
  EXPECT_EQ(only(call(kV3, arguments(kUntyped, 64) + float32)), kPlain);
  EXPECT_EQ(only(call(kV3, arguments(kUntyped, 64) + "ctorch\nuint16\n")), "/tensor: uint16 (2, 3): none");
  EXPECT_THAT(only(call(kV3, arguments(kUntyped, 64))), HasSubstr("a tensor without a type"));
  EXPECT_THAT(only(call(kV3, arguments(kUntyped, 64) + "N")), HasSubstr("a tensor without a type"));
  EXPECT_THAT(only(call(kV2, arguments(kUntyped, 64))), HasSubstr("a tensor without a type"));
  // 64 bytes are 32 halves, and 6 of them begin at the 27th at the latest.
  EXPECT_THAT(only(call(kV3, arguments(kUntyped, 64, 26) + float16)), HasSubstr("/tensor: float16 (2, 3)"));
  EXPECT_THAT(only(call(kV3, arguments(kUntyped, 64, 27) + float16)),
              HasSubstr("outside of its storage of 32 elements"));
  EXPECT_THAT(only(call(kV3, arguments(kUntyped, 23, 0) + float32)), HasSubstr("outside of its storage of 5 elements"));
  EXPECT_THAT(only(call("torch._utils\n_rebuild_qtensor", arguments())), HasSubstr("/tensor: float32 (2, 3): none"));
}

TEST(TorchTensor, ANegatedViewIsListedAndNotConverted) {
  const std::string neg = dict(text("neg") + "\x88"), conj = dict(text("conj") + "\x88"), none = dict("");
  const std::string negated = "/tensor: float32 (negated view) (2, 3): none", type = "ctorch\nfloat32\n";
  EXPECT_EQ(only(call(kV2, arguments() + none)), kPlain);
  EXPECT_EQ(only(call(kV2, arguments() + conj)), kPlain);
  EXPECT_EQ(only(call(kV2, arguments() + "N")), kPlain);
  EXPECT_EQ(only(call(kV2, arguments() + neg)), negated);
  EXPECT_EQ(only(call(kV3, arguments() + type + none)), kPlain);
  EXPECT_EQ(only(call(kV3, arguments() + type + neg)), negated);
}

TEST(TorchTensor, MalformedCallsNameTheTensor) {
  const std::string front = storage(kFloats, 16), size = tuple(integer(2)), step = tuple(integer(1));
  const auto in_dict = [](const std::string& value) { return only(dict(text("w") + value)); };
  EXPECT_EQ(in_dict(tensor()), "/w: float32 (2, 3): 1 2 3 4 5 6");
  EXPECT_EQ(in_dict(call(kV2, front + integer(0) + size)),
            "tensor 'w': a malformed call of torch._utils._rebuild_tensor_v2");
  EXPECT_THAT(in_dict(call(kV2, front + "N" + size + step)), HasSubstr("tensor 'w': a malformed call"));
  EXPECT_THAT(in_dict(call(kV2, "")), HasSubstr("tensor 'w': a malformed call"));
  EXPECT_THAT(in_dict(call(kV2, "N" + integer(0) + size + step)), HasSubstr("tensor 'w': a malformed storage"));
}

TEST(TorchTensor, OfSparseOnesTheShapeIsKnown) {
  const std::string layout = call("torch.serialization\n_get_layout", text("torch.sparse_coo"));
  const auto sparse = [&](const std::string& parts) {
    return only(call("torch._utils\n_rebuild_sparse_tensor", layout + parts));
  };
  const std::string size = call("torch\nSize", tuple(integer(5) + integer(7)));
  EXPECT_EQ(sparse(tuple(tensor() + tensor() + size)), "/tensor: sparse (5, 7): none");
  EXPECT_EQ(sparse(tuple(tensor() + tensor() + tensor() + size + "\x88")), "/tensor: sparse (5, 7): none");
  EXPECT_THAT(sparse(tuple(tensor() + tensor())), HasSubstr("a sparse tensor without a size"));
  EXPECT_THAT(sparse(""), HasSubstr("a malformed sparse tensor"));
  EXPECT_THAT(sparse(tuple(size) + "N"), HasSubstr("a malformed sparse tensor"));
  EXPECT_THAT(sparse(tuple(tuple(integer(-5)))), HasSubstr("negative"));
  EXPECT_EQ(sparse(tuple("NNNNNNN" + size)), "/tensor: sparse (5, 7): none");
  EXPECT_THAT(sparse(tuple("NNNNNNNN" + size)), HasSubstr("a malformed sparse tensor"));
}

TEST(TorchTensor, IsSeenThroughParametersAndSubclasses) {
  std::string wrapped = tensor();
  for (int wrappers = 1; wrappers <= 8; ++wrappers) {
    wrapped = call("torch._utils\n_rebuild_parameter", wrapped + "\x88N");
    EXPECT_EQ(only(wrapped), wrappers < 8 ? kPlain : "0 tensors") << wrappers;
  }
  EXPECT_EQ(only(call("torch._utils\n_rebuild_parameter_with_state", tensor() + "\x88NN")), kPlain);
  EXPECT_EQ(only(call("torch._utils\n_rebuild_parameter", "")), "0 tensors");
  const std::string subclass = "torch._tensor\n_rebuild_from_type_v2", function = "c"s + kV2 + "\n",
                    type = "ctorch\nTensor\n";
  EXPECT_EQ(only(call(subclass, function + type + tuple(arguments()) + dict(""))), kPlain);
  EXPECT_EQ(only(call(subclass, function + type + "N" + dict(""))), "0 tensors");
  EXPECT_EQ(only(call(subclass, function + type + tuple(arguments()))), "0 tensors");
}

TEST(TorchTensor, IsNamedByTheKeysOnTheWayToIt) {
  const auto line = [](const std::string& place) { return place + ": float32 (2, 3): 1 2 3 4 5 6"; };
  EXPECT_THAT(listed(dict(text("a") + tensor() + integer(3) + tensor() + "\x88" + tensor())),
              ElementsAre(line("/a"), line("/3"), line("/1")));
  EXPECT_THAT(listed(dict(text("a") + dict(text("b") + dict(text("c") + tensor())))), ElementsAre(line("a.b/c")));
  EXPECT_THAT(listed(tuple(tensor() + "(" + tensor() + tensor() + "l")),
              ElementsAre(line("/0"), line("1/0"), line("1/1")));
  const std::string space = call("argparse\nNamespace", "") + dict(text("m") + tensor()) + "b";
  EXPECT_THAT(listed(dict(text("args") + space)), ElementsAre(line("args/m")));
  EXPECT_THAT(listed(dict(text("args") + call("argparse\nNamespace", tensor()))), ElementsAre());
}

TEST(TorchTensor, IsFoundUpTo64LevelsBelowTheTop) {
  const auto nested = [](int levels) {
    std::string value = tensor();
    for (int i = 0; i < levels; ++i) value = tuple(value);
    return listed(value);
  };
  EXPECT_THAT(nested(65), ElementsAre(testing::EndsWith("0/0: float32 (2, 3): 1 2 3 4 5 6")));
  EXPECT_THAT(nested(66), ElementsAre(HasSubstr("nested more than 64 deep")));
}

TEST(TorchTensor, NamesTakeNoMoreMemoryThanTheFileAccountsFor) {
  const std::string name(5'000, 'n');
  EXPECT_EQ(only(dict(text(name) + tensor())), "/" + name + ": float32 (2, 3): 1 2 3 4 5 6");
  // A name of a million bytes, written once and repeated by reference.
  const std::string memo = text(std::string(1'000'000, 'n')) + "p0\n";
  std::string names = dict(memo + tensor()), again;
  for (int i = 0; i < 200; ++i) again += "(g0\n" + tensor() + "d";
  EXPECT_THAT(only(tuple(names + again)), HasSubstr("names and shapes of tensors that would take more than"));
}

// What one object costs to look at is small; a reference to it takes two bytes, and there may be many.
TEST(TorchTensor, WhatIsReferredToAgainAndAgainIsChargedEachTime) {
  std::string again;
  for (int i = 0; i < 40'000; ++i) again += "h\1";
  std::string pairs = text("a") + "q\2N";
  for (int i = 0; i < 100'000; ++i) pairs += "h\2N";
  const std::string negated = call(kV2, arguments() + dict(pairs)) + "q\1";
  EXPECT_THAT(only("(" + negated + again + "l"), HasSubstr("names and shapes of tensors that would take more than"));
  std::string lists;
  for (int i = 0; i < 40'000; ++i) lists += "N\x85";
  EXPECT_THAT(only(dict(text(std::string(1'000'000, 'n')) + "(" + lists + "l")),
              HasSubstr("names and shapes of tensors that would take more than"));
}

TEST(TorchTensor, KeysThatAreNoTextGiveNoNames) {
  EXPECT_THAT(only(dict("C\1a" + tensor())), testing::StartsWith("/(no text): "));
  EXPECT_THAT(only(dict("N" + tensor())), testing::StartsWith("/(no text): "));
}

TEST(TorchTensor, ThereAreAtMost262144) {
  constexpr std::size_t kMost = 262'144;
  // One tensor, referred to again and again; the text makes the file as large as so many tensors take.
  const auto list_of = [](std::size_t count) {
    std::string items = text(std::string(4'000'000, 'x')) + "0" + tensor() + "q\x01"s;
    for (std::size_t i = 1; i < count; ++i) items += "h\x01";
    const auto file = collected("(" + items + "l");
    return file ? fmt::format("{}", file->tensors.size()) : file.error().message();
  };
  EXPECT_EQ(list_of(kMost), "262144");
  EXPECT_THAT(list_of(kMost + 1), HasSubstr("more than 262144 tensors"));
}

}  // namespace
}  // namespace smlp
