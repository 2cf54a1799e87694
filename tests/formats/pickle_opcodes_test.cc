// Every opcode of Lib/pickletools.py, and the value that Python's own unpickler would give.
#include <gmock/gmock.h>

#include "formats/fixtures.h"
#include "formats/pickle.h"

namespace smlp {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;

std::string shown(const Pickle& pickle, PickleRef ref);

std::string joined(const Pickle& pickle, const std::vector<PickleRef>& items) {
  std::string out;
  for (const PickleRef item : items) out += (out.empty() ? "" : ", ") + shown(pickle, item);
  return out;
}

// As Python's repr(), near enough; "real", "big" and "bytes" stand before what was not converted.
std::string shown(const Pickle& pickle, PickleRef ref) {
  const PickleValue& value = pickle[ref];
  switch (value.kind) {
    case PickleKind::none:
      return "None";
    case PickleKind::boolean:
      return value.integer == 1 ? "True" : "False";
    case PickleKind::integer:
      return std::to_string(value.integer);
    case PickleKind::big_integer:
      return "big " + testing::PrintToString(std::string(value.text));
    case PickleKind::real:
      return "real " + testing::PrintToString(std::string(value.text));
    case PickleKind::text:
      return "'" + std::string(value.text) + "'";
    case PickleKind::bytes:
      return "bytes '" + std::string(value.text) + "'";
    case PickleKind::tuple:
      return "(" + joined(pickle, value.items) + ")";
    case PickleKind::list:
      return "[" + joined(pickle, value.items) + "]";
    case PickleKind::set:
      return "set(" + joined(pickle, value.items) + ")";
    case PickleKind::dict:
      return "{" + joined(pickle, value.items) + "}";
    case PickleKind::global:
      return std::string(value.text);
    case PickleKind::object:
      return shown(pickle, value.items[0]) + shown(pickle, value.items[1]) +
             (value.state == kNoPickleRef ? "" : " with " + shown(pickle, value.state));
    case PickleKind::persistent:
      return "persistent " + shown(pickle, value.items[0]);
  }
  return "";
}

// The value, or the error.
std::string value_of(const std::string& opcodes) {
  const std::string bytes = opcodes + ".";
  ByteReader reader(bytes_of(bytes));
  const auto pickle = read_pickle(reader);
  if (!pickle) return pickle.error().message();
  EXPECT_EQ(pickle->bytes, bytes.size());
  return shown(*pickle, pickle->root);
}

struct Case {
  std::string opcodes, value;
};

void expect_values(const std::vector<Case>& cases) {
  for (const auto& [opcodes, value] : cases) EXPECT_EQ(value_of(opcodes), value) << testing::PrintToString(opcodes);
}

void expect_errors(const std::vector<Case>& cases) {
  for (const auto& [opcodes, words] : cases) {
    EXPECT_THAT(value_of(opcodes), HasSubstr(words)) << testing::PrintToString(opcodes);
  }
}

TEST(PickleOpcodes, Numbers) {
  expect_values({{"N", "None"},
                 {"\x88", "True"},
                 {"\x89", "False"},
                 {"I01\n", "True"},
                 {"I00\n", "False"},
                 {"I1\n", "1"},
                 {"I0\n", "0"},
                 {"I-17\n", "-17"},
                 {"L12L\n", "12"},
                 {"I9223372036854775807\n", "9223372036854775807"},
                 {"I-9223372036854775808\n", "-9223372036854775808"},
                 {"L9223372036854775808L\n", "big \"9223372036854775808\""},
                 {"J\x01\x02\x03\x04", "67305985"},
                 {"J\x00\x00\x00\x80"s, "-2147483648"},
                 {"K\xFF", "255"},
                 {"M\xFE\xFF", "65534"},
                 {"\x8A\x00"s, "0"},
                 {"\x8A\x01\x80", "-128"},
                 {"\x8A\x02\x80\x00"s, "128"},
                 {"\x8A\x03\xFF\xFF\xFF", "-1"},
                 {"\x8A\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F", "9223372036854775807"},
                 {"\x8A\x09\x01\x01\x01\x01\x01\x01\x01\x01\x01", R"(big "\x1\x1\x1\x1\x1\x1\x1\x1\x1")"},
                 {"\x8B\x01\x00\x00\x00\x7F"s, "127"},
                 {"F1.5\n", "real \"1.5\""},
                 {"G\x3F\xF8zzzzzz", "real \"?\\xF8zzzzzz\""}});
  for (const char* bad : {"I\n", "I1x\n", "Ix\n", "I1 \n", "L\n", "LL\n", "I1.5\n"}) {
    EXPECT_THAT(value_of(bad), HasSubstr("a pickle with a malformed integer")) << bad;
  }
}

TEST(PickleOpcodes, Texts) {
  expect_values({{"S'a'\n", "'a'"},
                 {"S\"a'b\"\n", "'a'b'"},
                 {"S''\n", "''"},
                 {"T\x02\x00\x00\x00xy"s, "'xy'"},
                 {"U\x02xy", "'xy'"},
                 {"Vxy\n", "'xy'"},
                 {"X\x02\x00\x00\x00xy"s, "'xy'"},
                 {"\x8C\x02xy", "'xy'"},
                 {"\x8D\x02\x00\x00\x00\x00\x00\x00\x00xy"s, "'xy'"},
                 {"B\x02\x00\x00\x00xy"s, "bytes 'xy'"},
                 {"C\x02xy", "bytes 'xy'"},
                 {"\x8E\x02\x00\x00\x00\x00\x00\x00\x00xy"s, "bytes 'xy'"},
                 {"\x96\x02\x00\x00\x00\x00\x00\x00\x00xy"s, "bytes 'xy'"},
                 {"U\x00"s, "''"}});
  for (const char* bad : {"S\n", "S'\n", "S'a\n", "Sa'\n", "S'a\"\n", "Sa\n", "Saa\n"}) {
    EXPECT_THAT(value_of(bad), HasSubstr("a pickle with a malformed string")) << bad;
  }
}

TEST(PickleOpcodes, Collections) {
  expect_values({{")", "()"},
                 {"(t", "()"},
                 {"(K\1K\2t", "(1, 2)"},
                 {"K\1\x85", "(1)"},
                 {"K\1K\2\x86", "(1, 2)"},
                 {"K\1K\2K\3\x87", "(1, 2, 3)"},
                 {"]", "[]"},
                 {"(K\1K\2l", "[1, 2]"},
                 {"]K\1aK\2a", "[1, 2]"},
                 {"](K\1K\2e", "[1, 2]"},
                 {"](e", "[]"},
                 {"}", "{}"},
                 {"(K\1K\2d", "{1, 2}"},
                 {"}K\1K\2sK\3K\4s", "{1, 2, 3, 4}"},
                 {"}(K\1K\2K\3K\4u", "{1, 2, 3, 4}"},
                 {"\x8F(K\1\x90", "set(1)"},
                 {"(K\1K\2\x91", "set(1, 2)"}});
  expect_errors({{"(K\1d", "a key that has no value"},
                 {"(K\1K\2K\3d", "a key that has no value"},
                 {"}(K\1u", "a key that has no value"},
                 {"K\1K\2a", "adds items to something that holds none"},
                 {"}K\2a", "adds items to something that holds none"},
                 {")K\2a", "adds items to something that holds none"},
                 {"](K\2K\3u", "adds items to something that holds none"},
                 {"]K\1K\2s", "adds items to something that holds none"},
                 {"}(K\2e", "adds items to something that holds none"}});
}

TEST(PickleOpcodes, StackAndMemo) {
  expect_values({{"K\1K\2"
                  "0",
                  "1"},
                 {"(0K\1", "1"},
                 {"K\5(K\1K\2"
                  "1",
                  "5"},
                 {"K\1"
                  "2\x86",
                  "(1, 1)"},
                 {"(K\7p5\nK\10g5\nt", "(7, 8, 7)"},
                 {"(K\7q\5K\10h\5t", "(7, 8, 7)"},
                 {"(K\7r\5\0\0\0K\10j\5\0\0\0t"s, "(7, 8, 7)"},
                 {"(K\7\x94K\10\x94h\0h\1t"s, "(7, 8, 7, 8)"},
                 {"(K\7q\5K\10\x94h\1t", "(7, 8, 8)"},  // the next number counts what is stored
                 {"(K\7q\0K\10q\0K\11\x94h\1h\0t"s, "(7, 8, 9, 9, 8)"},
                 {"\x80\x05N", "None"},
                 {"\x95\x01\x00\x00\x00\x00\x00\x00\x00N"s, "None"}});
  expect_errors({{"K\7q\1h\2", "refers to value 2 which it never stored"},
                 {"K\7q\1h\0"s, "refers to value 0 which it never stored"},
                 {"Np4194304\n", "stores value 4194304, more than any checkpoint has"},
                 {"Np-1\n", "a memo index that is no number"},
                 {"Np1x\n", "a memo index that is no number"},
                 {"\x80\x06N", "pickle protocol 6; 5 is the newest known"},
                 {"NN", "does not end with exactly one value"},
                 {"(N", "does not end with exactly one value"},
                 {"N(", "does not end with exactly one value"},
                 {"K\1(\x85", "takes a value from an empty stack"},
                 {"](K\1"
                  "0000",
                  "takes a value from an empty stack"},
                 {"](a", "takes a value from an empty stack"},
                 {"K\1(2", "looks at an empty stack"},
                 {"N1", "uses a mark it never set"}});
  const std::string large = "X\x40\x42\x0F\x00"s + std::string(1'000'000, 'x') + "0";  // has room for so many
  EXPECT_EQ(value_of(large + "Np4194303\n"), "None");
  EXPECT_THAT(value_of("Np4194303\n"), HasSubstr("a pickle of values that would take more than"));
}

TEST(PickleOpcodes, Calls) {
  const std::string space = "cargparse\nNamespace\n", ordered = "ccollections\nOrderedDict\n";
  const std::string pairs = "(K\1K\2\x86K\3K\4\x86";
  expect_values({{space, "argparse.Namespace"},
                 {"\x8C\x08"
                  "argparse\x8C\x09Namespace\x93",
                  "argparse.Namespace"},
                 {space + "(K\1tR", "argparse.Namespace(1)"},
                 {space + ")\x81", "argparse.Namespace()"},
                 {space + ")}\x92", "argparse.Namespace()"},
                 {"(K\1iargparse\nNamespace\n", "argparse.Namespace(1)"},
                 {"(" + space + "K\1o", "argparse.Namespace(1)"},
                 {space + ")RK\7b", "argparse.Namespace() with 7"},
                 {"}K\7b", "{}"},
                 {ordered + ")R", "{}"},
                 {ordered + pairs + "l\x85R", "{1, 2, 3, 4}"},
                 {ordered + pairs + "t\x85R", "{1, 2, 3, 4}"},
                 {ordered + "(K\1K\2d\x85R", "{1, 2}"},
                 {ordered + "K\1R", "{}"},
                 {ordered + ")\x81", "{}"},
                 {"ccollections\ndefaultdict\ncbuiltins\nlist\n\x85R", "{}"},
                 {"P12\n", "persistent '12'"},
                 {"K\1Q", "persistent 1"}});
  expect_errors({{"K\1)R", "calls something that is no global"},
                 {"(o", "a pickle that calls nothing"},
                 {"K\1U\1a\x93", "names a global by something else than text"},
                 {"U\1aK\1\x93", "names a global by something else than text"},
                 {ordered + "(K\1\x85l\x85R", "builds a dict from something else than pairs"},
                 {ordered + "(K\1K\2d\x85\x81", "makes a dict in an unusual way"},  // Python: an empty one
                 {"ctorch._utils\n_rebuild_tensor_v2\n)RK\7b", "changes a tensor after it made it"},
                 {"ctorch._utils\n_rebuild_parameter\n)RK\7b", "changes a tensor after it made it"},
                 {"\x82\1", "refuses an extension code"},
                 {"\x97", "refuses a buffer outside of the pickle"},
                 {"\x98", "refuses a buffer outside of the pickle"},
                 {"\xFF", "no pickle opcode has the value 0xff"},
                 {"c" + std::string(101, 'm') + "\nn\n", "'" + std::string(100, 'm') + "....n'"},
                 {"c" + std::string(100, 'm') + "\nn\n", "'" + std::string(100, 'm') + ".n'"}});
}

}  // namespace
}  // namespace smlp
