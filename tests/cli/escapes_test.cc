// Words of others that would command a terminal, put wherever a file or a name may hold words: nothing of what the
// program prints obeys them, in tables, lines of log, JSON or errors.
#include "support/escapes.h"

#include <gmock/gmock.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "cli/process.h"
#include "support/model_file.h"
#include "support/png_file.h"
#include "support/scratch.h"

namespace smlp::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

class Escapes : public testing::Test {
 protected:
  // Runs it and looks at all that it prints.
  Outcome inert(const std::vector<std::string>& arguments) {
    Outcome outcome = run_smlp(arguments);
    const std::string line = testing::PrintToString(arguments);
    EXPECT_EQ(what_acts_in(outcome.out), "") << line << "\n" << outcome.out;
    EXPECT_EQ(what_acts_in(outcome.err), "") << line << "\n" << outcome.err;
    EXPECT_LE(outcome.status, 2) << line;
    EXPECT_FALSE(outcome.out.empty() && outcome.err.empty()) << line;
    return outcome;
  }

  std::string write_header(const std::string& name, const Json& header, std::string_view data = "") {
    const std::string text = header.dump();
    const std::uint64_t length = text.size();
    std::string file(reinterpret_cast<const char*>(&length), 8);
    return scratch_.write(name, file + text + std::string(data)).string();
  }

  // A compiled model with one word of its metadata replaced.
  std::string with_metadata(const std::string& compiled, const std::string& key, const std::string& value) {
    std::ifstream in(compiled, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), 8);
    Json header = Json::parse(bytes.substr(8, length));
    EXPECT_TRUE(header.at("__metadata__").contains(key)) << key;
    header["__metadata__"][key] = value;
    return write_header("changed.smlp", header, std::string_view(bytes).substr(8 + length));
  }

  std::string model(const std::string& name) {
    const Json names = {"ant" + kEscapes, kEscapes + "bee", "cat"};
    const std::string path = scratch_.folder() / (name + ".safetensors");
    write_model(path, small_config(3), 1, {{"smlp.classes", names.dump()}});
    return path;
  }
  std::string picture(const fs::path& name) {
    const fs::path path = scratch_.folder() / name;
    fs::create_directories(path.parent_path());
    write_png(path, 40, 40, 1);
    return path;
  }

  Scratch scratch_;
};

TEST_F(Escapes, OfTensorsAndTypes) {
  const Json header = {{kEscapes, {{"dtype", kEscapes}, {"shape", {0}}, {"data_offsets", {0, 0}}}},
                       {"__metadata__", {{kEscapes, kEscapes}}}};
  const std::string file = write_header("tensors.safetensors", header);
  inert({"info", file});
  inert({"info", "--tensors", file});
  const Outcome json = inert({"info", "--json", file});
  EXPECT_EQ(Json::parse(json.out).at("tensors").at(0).at("name"), kEscapes) << "JSON keeps the name as it is";
  EXPECT_EQ(Json::parse(json.out).at("tensors").at(0).at("dtype"), kEscapes);
  inert({"classify", "--model", file, "x.jpg"});
}

TEST_F(Escapes, OfTheHeaderItself) {
  const std::vector<std::string> headers = {R"({")" + std::string(kRawEscapes) + "\": 1}",
                                            R"({"a": )" + std::string(kRawEscapes) + "}", R"({"\u001b[31m\u202e": 1})",
                                            R"({"\u009b": {}, "\u009b": {}})"};
  for (const std::string& text : headers) {
    const std::uint64_t length = text.size();
    const auto file =
        scratch_.write("header.safetensors", std::string(reinterpret_cast<const char*>(&length), 8) + text);
    inert({"info", file.string()});
  }
}

TEST_F(Escapes, OfClassesInEveryFormOfAnswer) {
  const std::string file = model("classes"), photo = picture("photo.png");
  inert({"info", file});
  inert({"info", "--json", file});
  inert({"classify", "--model", file, photo});
  inert({"classify", "--json", "--model", file, photo});
}

TEST_F(Escapes, OfEveryWordOfACompiledModelsMetadata) {
  const std::string compiled = scratch_.folder() / "model.smlp";
  ASSERT_EQ(inert({"compile", "--model", model("m"), "--output", compiled}).status, 0);
  for (const std::string key : {"smlp.format", "smlp.config", "smlp.classes", "smlp.preprocess", "smlp.precision",
                                "smlp.gelu", "smlp.source", "smlp.source_sha256"}) {
    const std::string file = with_metadata(compiled, key, kEscapes);
    inert({"info", file});
    inert({"info", "--json", file});
    inert({"compile", "--model", file, "--output", scratch_.folder() / "again.smlp", "--force"});
  }
  const Json how = {{"resize", 36}, {"crop", 32}, {"mean", {0, 0, 0}}, {"std", {1, 1, 1}}, {"interpolation", kEscapes}};
  inert({"info", with_metadata(compiled, "smlp.preprocess", how.dump())});
}

TEST_F(Escapes, OfFilesThatAreNotThereOrAreSomethingElse) {
  const std::string nowhere = "/nowhere/" + kRawEscapes;
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"info", nowhere},
           {"classify", nowhere},
           {"classify", "--model", nowhere, "x.png"},
           {"compile", "--model", nowhere, "--output", scratch_.folder() / "x"},
           {"export", "--pth_path", nowhere, "--onnx_path", scratch_.folder() / "x.onnx"},
           {"infer", "--model", model("m"), "--input", nowhere, "--output", scratch_.folder() / "out"},
           {"evaluate", "--model", model("m"), "--data", nowhere},
           {"preprocess", "--data_root", nowhere, "--save_dir", scratch_.folder() / "bins"},
           {"postprocess", "--infer_result_dir", nowhere},
           {"bench", "--compare", nowhere, nowhere},
           {nowhere},
           {"--" + kRawEscapes},
           {"info", "--" + kRawEscapes},
           {"info", "--compare", kRawEscapes + "," + kRawEscapes},
           {"bench", "--batch-sizes", kRawEscapes},
           {"bench", "--precision", kRawEscapes},
           {"classify", "--isa", kRawEscapes, "x.png"}}) {
    EXPECT_NE(inert(arguments).status, 0) << testing::PrintToString(arguments);
  }
  inert({"info", scratch_.write(kRawEscapes + ".pth", kRawEscapes).string()});
  const std::string text = scratch_.write(kRawEscapes + ".jpg", kRawEscapes).string();
  inert({"classify", "--model", model("m"), text});
}

TEST_F(Escapes, OfFoldersAndPicturesOnTheWayOfTheGuide) {
  const std::string file = model("m");
  const fs::path data = scratch_.folder() / ("data" + kRawEscapes);
  for (const std::string& folder : {"val/a" + kRawEscapes, "val/b" + kEscapes, std::string("val/c")}) {
    picture(data / folder / (kRawEscapes + ".png"));
    scratch_.write(data / folder / ("broken" + kRawEscapes + ".png"), "\x89PNG\r\n\x1a\n");
  }
  const fs::path bins = scratch_.folder() / ("bins" + kRawEscapes);
  inert({"classify", "--model", file, data / "val/c"});
  inert({"evaluate", "--model", file, "--data", data, "--per-class"});
  inert({"evaluate", "--model", file, "--data", data, "--json"});
  inert({"preprocess", "--model", file, "--data_root", data, "--save_dir", bins});
  inert({"preprocess", "--model", file, "--data_root", data, "--save_dir", bins});
  inert({"infer", "--model", file, "--input", bins, "--output", scratch_.folder() / "out", "--output_dirname",
         "run" + kRawEscapes});
  inert({"postprocess", "--infer_result_dir", scratch_.folder() / "out" / ("run" + kRawEscapes)});
}

TEST_F(Escapes, OfListsAndSettings) {
  const std::string file = model("m"), output = scratch_.folder() / "compiled.smlp";
  for (const std::string& ini :
       {kRawEscapes + "=high_performance", "Gelu=" + kRawEscapes, "[" + kRawEscapes + "]", kRawEscapes}) {
    const auto path = scratch_.write("op.ini", ini);
    EXPECT_EQ(inert({"compile", "--model", file, "--output", output, "--op_precision_mode", path}).status, 1);
  }
  for (const std::string& shape : {kRawEscapes + ":1,3,32,32", "input:" + kRawEscapes + ",3,32,32", kRawEscapes}) {
    inert({"compile", "--model", file, "--output", output, "--input_shape", shape, "--force"});
  }
  const auto list = scratch_.write("classes.txt", kRawEscapes + "\n" + kRawEscapes + "\nc\n");
  inert({"classify", "--model", file, "--classes", list, picture("photo.png")});
  const auto measurement = scratch_.write("bench.json", Json({{"machine", kEscapes},
                                                              {"model", kEscapes},
                                                              {"precision", kEscapes},
                                                              {"isa", kEscapes},
                                                              {"mode", kEscapes},
                                                              {"results", Json::array()}})
                                                            .dump());
  const auto other = scratch_.write("other.json", R"({"results": [], "machine": "another"})");
  inert({"bench", "--compare", measurement, other});
}

}  // namespace
}  // namespace smlp::test
