// The parser of options, alone.
#include <gmock/gmock.h>

#include <filesystem>

#include "cli/command_line.h"
#include "support/scratch.h"

namespace smlp::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Values {
  std::string data;
  std::filesystem::path output;
  int batch = 8;
  bool json = false, pin = true;
  std::string mode = "automatic";
  std::vector<std::string> pictures;
  std::vector<int> sizes = {1, 2};
  double mean[3] = {};
};

CommandLine line_of(Values& values) {
  CommandLine line;
  line.text("--data", values.data).plain("DIR").required();
  line.text("--output", values.output).plain("OUT");
  line.number("--batch", values.batch, 1, 64);
  line.flag("--json", values.json);
  line.flag("--pin", values.pin);
  line.flag("--no-pin", values.pin, false).excludes("--pin");
  line.word("--mode", {"automatic", "latency"}, values.mode);
  line.texts("--picture", values.pictures).needs("--json");
  line.three("--mean", -10, 10, [&values](const double(&m)[3]) { std::copy(m, m + 3, values.mean); });
  return line;
}

// The error, or the unknown option, or nothing.
std::string parse(Values& values, std::vector<std::string> arguments) {
  CommandLine line = line_of(values);
  const auto parsed = line.parse(arguments);
  return parsed.help ? "help" : parsed.unknown.empty() ? parsed.error : "unknown " + parsed.unknown;
}

TEST(CommandLineParts, EverySpellingIsOneOption) {
  for (const char* name :
       {"--batch", "--batchsize", "--batch_size", "--batch-size", "--batch-sizes", "--batch_sizes"}) {
    Values values;
    EXPECT_EQ(parse(values, {name, "4", "pictures"}), "") << name;
    EXPECT_EQ(values.batch, 4) << name;
    EXPECT_EQ(values.data, "pictures");
    Values joined;
    EXPECT_EQ(parse(joined, {std::string(name) + "=4", "--data_root", "pictures"}), "") << name;
    EXPECT_EQ(joined.batch, 4) << name;
  }
}

TEST(CommandLineParts, WordsGoToTheOptionsThatTakeThem) {
  Values values;
  EXPECT_EQ(parse(values, {"in", "--json", "out"}), "");
  EXPECT_EQ(values.data, "in");
  EXPECT_EQ(values.output, "out");
  Values named;
  EXPECT_EQ(parse(named, {"out", "--data", "in"}), "");
  EXPECT_EQ(named.output, "out");
  EXPECT_EQ(parse(named, {"in", "out", "more"}), "unexpected argument 'more'");
  Values dashed;
  EXPECT_EQ(parse(dashed, {"--", "--json", "-"}), "");
  EXPECT_EQ(dashed.data, "--json");
  EXPECT_EQ(dashed.output, "-");
}

TEST(CommandLineParts, BracketsAreNoList) {
  Values values;
  EXPECT_EQ(parse(values, {"[2020]", "--output", "[1,2]"}), "");
  EXPECT_EQ(values.data, "[2020]");
  EXPECT_EQ(values.output, "[1,2]");
}

TEST(CommandLineParts, ThreeNumbersTakeCommasOrSpaces) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"--mean", "0.5,-0.25,1"}, {"--mean", "0.5", "-0.25", "1"}, {"--mean=0.5,-0.25,1"}}) {
    Values values;
    std::vector<std::string> arguments = {"in"};
    arguments.insert(arguments.end(), words.begin(), words.end());
    EXPECT_EQ(parse(values, arguments), "");
    EXPECT_THAT(values.mean, ElementsAre(0.5, -0.25, 1.0));
  }
  Values values;
  EXPECT_THAT(parse(values, {"in", "--mean", "0.5,1"}), HasSubstr("--mean takes three numbers"));
  EXPECT_THAT(parse(values, {"in", "--mean", "0.5,x,1"}), HasSubstr("--mean takes three numbers"));
  EXPECT_THAT(parse(values, {"in", "--mean", "0.5,nan,1"}), HasSubstr("--mean takes three numbers"));
  EXPECT_THAT(parse(values, {"in", "--mean", "1"}), HasSubstr("--mean needs three values"));
}

TEST(CommandLineParts, WhatIsRefused) {
  const std::pair<std::vector<std::string>, const char*> cases[] = {
      {{}, "--data is required"},
      {{""}, "DIR is empty"},
      {{"in", "--output", ""}, "--output is given an empty PATH"},
      {{"in", "--output="}, "--output is given an empty PATH"},
      {{"in", "--batch", "0"}, "--batch takes a whole number from 1 to 64, not '0'"},
      {{"in", "--batch", "4.5"}, "--batch takes a whole number"},
      {{"in", "--batch", "4x"}, "--batch takes a whole number"},
      {{"in", "--batch"}, "--batch needs a value: N"},
      {{"in", "--batch", "--json"}, "--batch needs a value: N"},
      {{"in", "--batch", "1", "--batchsize", "2"}, "--batch is given twice"},
      {{"in", "--json=1"}, "--json takes no value"},
      {{"in", "--pin", "--no-pin"}, "--no-pin excludes --pin"},
      {{"in", "--picture", "x"}, "--picture requires --json"},
      {{"in", "--mode", "latnecy"}, "--mode takes automatic or latency (did you mean latency?), not 'latnecy'"},
      {{"in", "--mode=fast"}, "--mode takes automatic or latency, not 'fast'"},
      {{"in", "--hlep"}, "unknown --hlep"},
      {{"in", "-x"}, "unknown -x"},
  };
  for (const auto& [arguments, error] : cases) {
    Values values;
    EXPECT_THAT(parse(values, arguments), HasSubstr(error));
  }
}

TEST(CommandLineParts, OnlyTheGuidesOwnSpellingsAreTheGuides) {
  for (const auto& [argument, guide] : {std::pair{"--batch=2", false},
                                        {"--batchsize=2", true},
                                        {"--batch_size=2", true},
                                        {"--batch-sizes=2", false},
                                        {"--data=x", false},
                                        {"--data_root=x", true}}) {
    Values values;
    CommandLine line = line_of(values);
    line.parse(std::vector<std::string>{argument});
    EXPECT_EQ(line.guide_spelling(), guide) << argument;
  }
}

// Values that a file of options gives, beside the words of the command line; or what is wrong with them.
std::string parse_with_file(Values& values, std::string_view content, std::vector<std::string> arguments = {"in"}) {
  const test::Scratch scratch;
  arguments.insert(arguments.end(), {"--config", scratch.write("options.conf", content)});
  CommandLine line = line_of(values);
  line.file("--config");
  std::string wrong = line.parse(arguments).error;
  const std::size_t name = wrong.find("options.conf");
  return name == std::string::npos ? wrong : wrong.substr(name);
}

TEST(OptionFile, EveryLineIsAnOption) {
  Values values;
  EXPECT_EQ(parse_with_file(values,
                            "# all of them\n\nbatch = 16\n  \t\n\tmode=latency \t\r\njson = true\nno-pin = false\n"
                            "picture = a b\npicture= c\noutput =[1,2]\n  # one more\nmean = 1,2,3"),
            "");
  EXPECT_EQ(values.batch, 16);
  EXPECT_EQ(values.mode, "latency");
  EXPECT_TRUE(values.json);
  EXPECT_TRUE(values.pin);
  EXPECT_THAT(values.pictures, ElementsAre("a b", "c"));
  EXPECT_EQ(values.output, "[1,2]");
  EXPECT_THAT(values.mean, ElementsAre(1.0, 2.0, 3.0));
}

TEST(OptionFile, AnySpellingAndRequiredOptionsToo) {
  Values values;
  EXPECT_EQ(parse_with_file(values, "batch_size = 3\ndata-root = d\n", {}), "");
  EXPECT_EQ(values.batch, 3);
  EXPECT_EQ(values.data, "d");
}

TEST(OptionFile, TheCommandLineGoesFirst) {
  Values values;
  EXPECT_EQ(parse_with_file(values, "batch = 3\ndata = other\nmode = latency", {"in", "--batchsize", "5"}), "");
  EXPECT_EQ(values.batch, 5);
  EXPECT_EQ(values.data, "in");
  EXPECT_EQ(values.mode, "latency");
}

TEST(OptionFile, AWrongLineIsNamedByItsNumber) {
  const std::pair<const char*, const char*> cases[] = {
      {"batch 3", "options.conf line 1: expected NAME = VALUE"},
      {"json = true\n\nbach = 3", "options.conf line 3: there is no option 'bach'"},
      {"batch = 65", "options.conf line 1: --batch takes a whole number from 1 to 64, not '65'"},
      {"\nbatch = 1\nbatchsize = 2\n", "options.conf line 3: --batch is given twice"},
      {"json = yes", "options.conf line 1: json takes true or false"},
      {"json =", "options.conf line 1: json takes true or false"},
      {"output = ", "options.conf line 1: --output is given an empty PATH"},
      {"config = more", "options.conf line 1: a file of options names no other"},
      {"= 3", "options.conf line 1: there is no option ''"},
      {"picture = x", "--picture requires --json"},
      {"pin = true\nno-pin = true", "--no-pin excludes --pin"},
  };
  for (const auto& [content, error] : cases) {
    Values values;
    EXPECT_EQ(parse_with_file(values, content), error);
  }
  Values values;
  CommandLine line = line_of(values);
  line.file("--config");
  EXPECT_THAT(line.parse(std::vector<std::string>{"in", "--config", "/nonexistent/options"}).error,
              HasSubstr("/nonexistent/options: cannot open"));
}

TEST(OptionFile, IsAMebibyteAtMost) {
  Values values;
  std::string content = "batch = 2\n#" + std::string((1 << 20) - 11, 'x');
  EXPECT_EQ(parse_with_file(values, content), "");
  EXPECT_EQ(values.batch, 2);
  EXPECT_NE(parse_with_file(values, content + "x"), "");
}

TEST(OptionTable, NoSpellingHasTwoMeanings) {
  std::vector<std::string> seen;
  for (const OptionName& option : option_table) {
    for_each_spelling(option, [&](std::string_view spelling) {
      EXPECT_TRUE(spelling.starts_with("--")) << spelling;
      EXPECT_EQ(find_option_name(spelling), &option) << spelling;
    });
    EXPECT_THAT(seen, ::testing::Not(::testing::Contains(std::string(option.name))));
    seen.emplace_back(option.name);
    EXPECT_NE(option.help, "") << option.name;
  }
}

}  // namespace
}  // namespace smlp::cli
