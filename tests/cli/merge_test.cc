#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/process.h"
#include "support/model_file.h"
#include "support/png_file.h"
#include "support/scratch.h"

namespace smlp::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;
using ::testing::HasSubstr;

class Merge : public ::testing::Test {
 protected:
  Merge() {
    test::write_model(model_, test::small_config(4), 1, {{"smlp.classes", R"(["ant", "bee", "cat", "dog"])"}});
    const char* names[] = {"bee", "ant", "dog"};
    for (unsigned i = 0; i < 17; ++i) {
      test::write_png(data_ / names[i % 3] / (std::to_string(i) + ".png"), 40 + static_cast<int>(i), 50, i);
    }
    scratch_.write("data/ant/broken.png", "no picture");
  }

  std::string part(const std::string& name, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"evaluate", data_, "--model", model_, "--json"});
    const Outcome outcome = run_smlp(arguments);
    EXPECT_THAT(outcome.status, ::testing::AnyOf(0, 1));
    return scratch_.write(name, outcome.out);
  }

  test::Scratch scratch_;
  fs::path model_ = scratch_.folder() / "m.safetensors", data_ = scratch_.folder() / "data";
};

TEST_F(Merge, IsTheRunThatWasNotDivided) {
  const fs::path whole_confusion = scratch_.folder() / "whole.csv", confusion = scratch_.folder() / "merged.csv";
  const std::string whole = part("whole.json", {"--confusion", whole_confusion});
  std::vector<std::string> arguments = {"merge", "--json", "--confusion", confusion};
  for (const int k : {3, 1, 5, 2, 4}) {
    arguments.push_back(part("part" + std::to_string(k) + ".json", {"--shard", std::to_string(k) + "/5"}));
  }
  const Outcome merged = run_smlp(arguments);
  EXPECT_EQ(merged.status, 1) << "as the run that was not divided: a picture could not be read";
  std::ifstream in(whole);
  ordered_json a = ordered_json::parse(in), b = ordered_json::parse(merged.out);
  EXPECT_EQ(b.at("latency_ms").at("histogram_ns").at("buckets").empty(), false);
  for (const char* time : {"seconds", "images_per_second", "latency_ms"}) a.erase(time), b.erase(time);
  EXPECT_EQ(a.dump(), b.dump());
  std::ifstream c(whole_confusion), d(confusion);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(c), {}), std::string(std::istreambuf_iterator<char>(d), {}));
}

TEST_F(Merge, RefusesWhatDoesNotBelongTogether) {
  const std::string first = part("1.json", {"--shard", "1/2"}), second = part("2.json", {"--shard", "2/2"});
  EXPECT_THAT(run_smlp({"merge", first}).err, HasSubstr("1 of 2 parts missing: 2/2"));
  EXPECT_THAT(run_smlp({"merge", first, second, first}).err, HasSubstr("give each part once"));
  EXPECT_THAT(run_smlp({"merge", first, part("bf16.json", {"--shard", "2/2", "--precision", "bf16"})}).err,
              HasSubstr("precision (fp32, bf16)"));
  EXPECT_THAT(run_smlp({"merge", first, part("position.json", {"--shard", "2/2", "--crop-pct", "0.5"})}).err,
              HasSubstr("differ in preprocessing"));
  EXPECT_THAT(run_smlp({"merge", first, scratch_.write("x.json", "{}")}).err, HasSubstr("x.json: is no evaluation"));
  fs::remove(data_ / "bee/0.png");
  EXPECT_THAT(run_smlp({"merge", first, part("less.json", {"--shard", "2/2"})}).err,
              HasSubstr("differ in inputs, pictures of all parts (18, 17)"));
  EXPECT_EQ(run_smlp({"merge"}).status, 2);
}

// A field at a time is taken away, or becomes another value: refused in one line, with the file's name and no word of a
// library, whatever the field; what is printed but follows from the rest is no exception.
TEST_F(Merge, APartThatSomebodyChangedIsRefused) {
  const std::string second = part("2.json", {"--shard", "2/2"});
  std::ifstream in(part("1.json", {"--shard", "1/2"}));
  const ordered_json part = ordered_json::parse(in);
  const auto refused = [&](const ordered_json& changed, const std::string& how) {
    const Outcome outcome = run_smlp({"merge", scratch_.write("changed.json", changed.dump()), second});
    EXPECT_EQ(outcome.status, 1) << how;
    EXPECT_THAT(lines_of(outcome.err), ::testing::SizeIs(1)) << how;
    EXPECT_THAT(outcome.err, HasSubstr("changed.json")) << how;
    EXPECT_THAT(outcome.err, ::testing::Not(HasSubstr("exception"))) << how;
  };
  const ordered_json fields = part.flatten();
  for (const auto& [pointer, value] : fields.items()) {
    if (pointer == "/provenance/model/file") continue;  // the same model may lie elsewhere
    for (const ordered_json& other : {ordered_json(-1), ordered_json("x")}) {
      ordered_json changed = part;
      changed[ordered_json::json_pointer(pointer)] = other;
      refused(changed, pointer + " = " + other.dump());
    }
  }
  for (const auto& [key, value] : part.items()) {
    ordered_json changed = part;
    changed.erase(key);
    refused(changed, "without " + key);
  }
  refused(ordered_json::array({part}), "an array");
  // The order of keys, and how numbers are written, mean nothing.
  const std::string sorted = scratch_.write("sorted.json", nlohmann::json(part).dump(2));
  EXPECT_EQ(run_smlp({"merge", sorted, second}).status, 1) << "a picture could not be read";
  EXPECT_THAT(run_smlp({"merge", sorted, second}).out, HasSubstr("acc@1:"));
}

TEST_F(Merge, AShardThatIsNoneIsRefused) {
  for (const char* shard : {"0/4", "5/4", "x", "auto"}) {
    const Outcome outcome = run_smlp({"evaluate", data_, "--model", model_, "--shard", shard});
    EXPECT_EQ(outcome.status, 2) << shard;
    EXPECT_THAT(outcome.err, HasSubstr("--shard"));
  }
}

// More parts than pictures: some have none, and are parts all the same.
TEST_F(Merge, EmptyPartsAreParts) {
  std::vector<std::string> arguments = {"merge", "--json"};
  for (int k = 1; k <= 20; ++k) {
    arguments.push_back(part("p" + std::to_string(k) + ".json", {"--shard", std::to_string(k) + "/20"}));
  }
  const Outcome merged = run_smlp(arguments);
  EXPECT_EQ(merged.status, 1) << merged.err;
  EXPECT_EQ(ordered_json::parse(merged.out).at("images"), 17);
}

}  // namespace
}  // namespace smlp::test
