// Tensors wherever an ONNX model may keep them, and what a graph has to have around its nodes.
#include <gmock/gmock.h>
#include <onnx/onnx_pb.h>

#include "formats/onnx_models.h"

namespace smlp::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using P = onnx::TensorProto;

onnx::TensorProto tensor(int type, const std::vector<std::int64_t>& dims) {
  onnx::TensorProto proto;
  proto.set_name("t");
  proto.set_data_type(type);
  proto.mutable_dims()->Assign(dims.begin(), dims.end());
  return proto;
}

Result<TensorFile> listed(const onnx::TensorProto& proto, const std::filesystem::path& folder = {}) {
  onnx::ModelProto model;
  *model.mutable_graph()->add_initializer() = proto;
  const std::string bytes = model.SerializeAsString();
  return list_onnx_tensors(std::as_bytes(std::span(bytes)), folder);
}

// The values, or the error.
std::string values_of(const onnx::TensorProto& proto, const std::filesystem::path& folder = {}) {
  const auto file = listed(proto, folder);
  if (!file) return file.error().message();
  const auto values = file->tensors.at(0).to_float();
  return file->tensors[0].dtype_text + " " + (values ? testing::PrintToString(*values) : "none");
}

TEST(OnnxTensor, MayHaveItsValuesInTheFieldOfItsType) {
  auto floats = tensor(P::FLOAT, {2});
  floats.add_float_data(0.5F);
  floats.add_float_data(-2);
  EXPECT_EQ(values_of(floats), "float32 { 0.5, -2 }");
  auto doubles = tensor(P::DOUBLE, {1});
  doubles.add_double_data(0.25);
  EXPECT_EQ(values_of(doubles), "float64 { 0.25 }");
  auto longs = tensor(P::INT64, {1});
  longs.add_int64_data(-7);
  EXPECT_EQ(values_of(longs), "int64 { -7 }");
  const std::tuple<int, std::int32_t, const char*> narrow[] = {{P::INT32, -70'000, "int32 { -70000 }"},
                                                               {P::INT16, -300, "int16 { -300 }"},
                                                               {P::INT8, -100, "int8 { -100 }"},
                                                               {P::UINT8, 200, "uint8 { 200 }"},
                                                               {P::BOOL, 1, "bool { 1 }"},
                                                               {P::FLOAT16, 0x3E00, "float16 { 1.5 }"},
                                                               {P::BFLOAT16, 0xBFC0, "bfloat16 { -1.5 }"}};
  for (const auto& [type, value, words] : narrow) {
    auto proto = tensor(type, {1});
    proto.add_int32_data(value);
    EXPECT_EQ(values_of(proto), words);
    proto.add_int32_data(value);
    EXPECT_THAT(values_of(proto), HasSubstr("bytes of data, expected"));
  }
}

TEST(OnnxTensor, HasExactlyTheBytesOfItsShape) {
  auto proto = tensor(P::FLOAT, {2, 1});
  for (const std::size_t bytes : {0, 7, 8, 9, 12}) {
    proto.set_raw_data(std::string(bytes, '\0'));
    const std::string words = values_of(proto);
    if (bytes == 8) {
      EXPECT_EQ(words, "float32 { 0, 0 }");
    } else {
      EXPECT_THAT(words, HasSubstr(fmt::format("'t': {} bytes of data, expected 8 for float32 (2, 1)", bytes)));
    }
  }
  EXPECT_EQ(values_of(tensor(P::FLOAT, {0, 5})), "float32 {}");
  EXPECT_THAT(values_of(tensor(P::FLOAT, {-1})), HasSubstr("'t': a negative extent in shape (-1,)"));
  constexpr std::int64_t kMillion = 1 << 20;
  EXPECT_THAT(values_of(tensor(P::INT8, {kMillion, kMillion})), HasSubstr("0 bytes of data, expected 1099511627776"));
  EXPECT_THAT(values_of(tensor(P::INT8, {kMillion, kMillion + 1})), HasSubstr("is too large"));
  EXPECT_THAT(values_of(tensor(P::INT8, std::vector<std::int64_t>(64, 1))), HasSubstr("0 bytes of data, expected 1"));
  EXPECT_THAT(values_of(tensor(P::INT8, std::vector<std::int64_t>(65, 1))), HasSubstr("65 dimensions; at most 64"));
}

TEST(OnnxTensor, OfAnotherTypeIsListedAndNotConverted) {
  for (const auto& [type, words] : {std::pair{P::UINT16, "uint16 none"},
                                    {P::UINT32, "uint32 none"},
                                    {P::UINT64, "uint64 none"},
                                    {P::COMPLEX64, "complex64 none"},
                                    {P::COMPLEX128, "complex128 none"},
                                    {P::STRING, "string none"},
                                    {P::UNDEFINED, "a type of a later ONNX none"}}) {
    EXPECT_EQ(values_of(tensor(type, {2})), words);
  }
}

TEST(OnnxTensor, MayStandInAFileBesideTheModel) {
  const Scratch scratch;
  scratch.write("weights", std::string("\1\2\3\4\5\6", 6));
  const auto part = [&](const std::vector<std::pair<std::string, std::string>>& entries, std::int64_t count) {
    auto proto = tensor(P::INT8, {count});
    proto.set_data_location(P::EXTERNAL);
    proto.add_external_data()->set_key("location");
    proto.mutable_external_data(0)->set_value("weights");
    for (const auto& [key, value] : entries) {
      auto& entry = *proto.add_external_data();
      entry.set_key(key);
      entry.set_value(value);
    }
    return values_of(proto, scratch.folder());
  };
  EXPECT_EQ(part({}, 6), "int8 { 1, 2, 3, 4, 5, 6 }");
  EXPECT_EQ(part({{"offset", "2"}}, 4), "int8 { 3, 4, 5, 6 }");
  EXPECT_EQ(part({{"length", "2"}}, 2), "int8 { 1, 2 }");
  EXPECT_EQ(part({{"offset", "4"}, {"length", "2"}, {"checksum", "x"}}, 2), "int8 { 5, 6 }");
  EXPECT_EQ(part({{"offset", "6"}}, 0), "int8 {}");
  EXPECT_EQ(part({{"offset", "6"}, {"length", "0"}}, 0), "int8 {}");
  EXPECT_THAT(part({{"offset", "7"}}, 0), HasSubstr("0 bytes from byte 7 of weights wanted, which has only 6"));
  EXPECT_THAT(part({{"offset", "4"}, {"length", "3"}}, 3),
              HasSubstr("3 bytes from byte 4 of weights wanted, which has only 6"));
  EXPECT_THAT(part({{"offset", "6"}, {"length", "1"}}, 1), HasSubstr("1 bytes from byte 6 of weights wanted"));
  EXPECT_THAT(part({{"length", "18446744073709551615"}}, 6), HasSubstr("which has only 6"));
  for (const char* number : {"", "x", "2x", " 2", "-1", "18446744073709551616"}) {
    for (const char* key : {"offset", "length"}) {
      EXPECT_THAT(part({{key, number}}, 4),
                  HasSubstr(fmt::format("external data whose {} is '{}', no number of bytes", key, number)));
    }
  }
  // What other readers may take another way.
  for (const char* key : {"location", "offset", "length", "checksum"}) {
    EXPECT_THAT(part({{key, "0"}, {key, "0"}}, 6), HasSubstr(fmt::format("external data with two '{}'", key)));
  }
  auto both = tensor(P::INT8, {1});
  both.set_data_location(P::EXTERNAL);
  both.add_external_data()->set_key("location");
  both.mutable_external_data(0)->set_value("weights");
  both.set_raw_data("1");
  EXPECT_THAT(values_of(both, scratch.folder()), HasSubstr("data of its own beside external data"));
  both.clear_raw_data();
  both.add_int32_data(1);
  EXPECT_THAT(values_of(both, scratch.folder()), HasSubstr("data of its own beside external data"));
  both.clear_int32_data();
  both.mutable_external_data(0)->set_value(std::string("weights\0x", 9));
  EXPECT_THAT(values_of(both, scratch.folder()), HasSubstr("a zero byte in its name"));
}

TEST(OnnxGraph, HasOneInputOneOutputAndAnOpset) {
  const auto refused = [](auto change, const std::vector<std::string>& words) {
    onnx::ModelProto model = exported(17);
    change(model);
    expect_refused(model, words);
  };
  refused([](auto& m) { m.clear_opset_import(); }, {"does not say which ONNX opset"});
  refused([](auto& m) { m.mutable_opset_import(0)->set_domain("com.microsoft"); }, {"does not say which ONNX opset"});
  refused([](auto& m) { m.clear_graph(); }, {"an ONNX file without a graph"});
  refused([](auto& m) { m.mutable_graph()->clear_input(); }, {"a graph without an input for pictures"});
  refused([](auto& m) { m.mutable_graph()->add_input()->set_name("more"); }, {"two inputs, 'input' and 'more'"});
  refused([](auto& m) { m.mutable_graph()->add_output()->set_name("more"); }, {"2 outputs ('output', 'more', ...)"});
  refused([](auto& m) { m.mutable_graph()->mutable_output(0)->clear_name(); }, {"an output without a name"});
  refused([](auto& m) { m.mutable_graph()->mutable_output(0)->set_name("other"); },
          {"'other' does not depend on the input"});
  refused([](auto& m) { m.mutable_graph()->add_sparse_initializer(); }, {"sparse weights"});
  onnx::ModelProto model = exported(17);
  model.mutable_opset_import(0)->set_domain("ai.onnx");
  EXPECT_TRUE(import(model));
  model.mutable_graph()->add_input()->set_name("mlp_head.0.bias");  // old exporters list their weights
  EXPECT_TRUE(import(model));
}

TEST(OnnxGraph, PicturesAreSquareAndOfAKnownSize) {
  const auto with_shape = [](const std::vector<std::int64_t>& dims) {  // -1: open
    onnx::ModelProto model = exported(17);
    auto& shape = *model.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
    shape.clear_dim();
    for (const std::int64_t dim : dims) {
      if (dim >= 0) shape.add_dim()->set_dim_value(dim);
      if (dim < 0) shape.add_dim()->set_dim_param("open");
    }
    const auto weights = import(model);
    return weights ? "no error" : weights.error().message();
  };
  for (const std::vector<std::int64_t>& fine : {std::vector<std::int64_t>{-1, 3, 32, 32},
                                                {1, 3, 32, 32},
                                                {7, -1, 32, 32},
                                                {-1, -1, -1, -1},
                                                {0, 0, 0, 0},
                                                {1, 3, -1, -1}}) {
    EXPECT_EQ(with_shape(fine), "no error") << testing::PrintToString(fine);
  }
  EXPECT_THAT(with_shape({3, 32, 32}), HasSubstr("has 3 dimensions; an sMLPNet takes pictures of shape"));
  EXPECT_THAT(with_shape({1, 1, 3, 32, 32}), HasSubstr("has 5 dimensions"));
  EXPECT_THAT(with_shape({1, 3, 32, 64}), HasSubstr("has shape (1, 3, 32, 64); an sMLPNet takes square pictures"));
  EXPECT_THAT(with_shape({1, 3, 65'537, 65'537}), HasSubstr("takes square pictures"));
  EXPECT_THAT(with_shape({1, 3, 65'536, 65'536}), Not(HasSubstr("takes square pictures")));
  EXPECT_THAT(with_shape({1, 4, 32, 32}), HasSubstr("a weight of shape (4, 3, 4, 4) for 4 channels"));
}

// Exporters round the square root of 2 to any precision; what is off by more is another curve.
TEST(OnnxGraph, AGeluIsOneWithinTheRoundingOfHalfPrecision) {
  const auto with_number = [](const char* name, float value) {
    onnx::ModelProto model = exported(11);
    weight_named(model, name).set_raw_data(&value, sizeof(value));
    return import(model).has_value();
  };
  for (const float root : {1.4142135F, 1.4140625F, 1.4144F}) EXPECT_TRUE(with_number("gelu.sqrt_2", root)) << root;
  for (const float root : {1.4139F, 1.4146F, 1.0F, -1.4142135F}) EXPECT_FALSE(with_number("gelu.sqrt_2", root)) << root;
  EXPECT_TRUE(with_number("gelu.one", 1.0001F));
  for (const float one : {1.0003F, 0.9997F, 0.0F, -1.0F}) EXPECT_FALSE(with_number("gelu.one", one)) << one;
  EXPECT_TRUE(with_number("gelu.half", 0.5F));  // which every precision holds
  for (const float half : {0.5002F, 0.4998F, -0.5F, 0.0F}) EXPECT_FALSE(with_number("gelu.half", half)) << half;
}

TEST(OnnxGraph, NamesHaveUpTo1024Bytes) {
  for (const std::size_t length : {1024, 1025}) {
    auto model = exported(17);
    weight_named(model, "mlp_head.0.bias").set_name(std::string(length, 'n'));
    node_named(model, "output").set_input(2, std::string(length, 'n'));
    EXPECT_EQ(import(model).has_value(), length == 1024);
  }
}

}  // namespace
}  // namespace smlp::test
