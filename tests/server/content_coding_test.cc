// How answers are packed. zlib itself unpacks them here.
#include "server/content_coding.h"

#include <gtest/gtest.h>
#include <zlib.h>

namespace smlp::server {
namespace {

TEST(CodingFor, ChoosesByTheClientsWeights) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", ""},
      {"gzip", "gzip"},
      {"deflate", "deflate"},
      {"GZip", "gzip"},
      {"br, zstd", ""},
      {"deflate, gzip", "gzip"},
      {"gzip;q=0.4, deflate;q=0.5", "deflate"},
      {" gzip ; q=0.4 ,\tdeflate; Q=0.4", "gzip"},
      {"gzip;q=0", ""},
      {"gzip;q=0, deflate", "deflate"},
      {"gzip;q=-1", ""},
      {"gzip;q=", ""},
      {"gzip;level=9", ""},
      {"*", ""},
      {"identity", ""},
      {",,,;;,gzip,,", "gzip"},
      {"gzipx, xgzip", ""},
  };
  for (const auto& [accepted, coding] : cases) EXPECT_EQ(coding_for(accepted), coding) << accepted;
}

std::string unpacked(const std::string& packed, int window_bits) {
  z_stream stream = {};
  EXPECT_EQ(inflateInit2(&stream, window_bits), Z_OK);
  std::string plain(1 << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(plain.data());
  stream.avail_out = static_cast<uInt>(plain.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  EXPECT_EQ(stream.avail_in, 0u);
  plain.resize(stream.total_out);
  inflateEnd(&stream);
  return plain;
}

std::string long_text() {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += fmt::format("{{\"value\": {}}},", i);
  return text;
}

TEST(Compress, IsWhatItSaysItIs) {
  for (const auto& [coding, window_bits] : {std::pair("gzip", 15 + 16), std::pair("deflate", 15)}) {
    Reply reply{.body = long_text(), .json_bytes = 17};
    compress(reply, coding);
    EXPECT_EQ(reply.content_encoding, coding);
    EXPECT_LT(reply.body.size(), long_text().size());
    EXPECT_EQ(unpacked(reply.body, window_bits), long_text());
    EXPECT_EQ(reply.json_bytes, 17u) << "it counts bytes before compression";
  }
}

TEST(Compress, LeavesAloneWhatGainsNothing) {
  std::string noise(4096, '\0');
  unsigned state = 1;
  for (char& byte : noise) byte = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  for (const std::string& body : {std::string(), std::string("{\"error\":\"short\"}"), noise}) {
    Reply reply{.body = body};
    compress(reply, "gzip, deflate");
    EXPECT_EQ(reply.content_encoding, "");
    EXPECT_EQ(reply.body, body);
  }
  Reply reply{.body = long_text()};
  compress(reply, "br");
  EXPECT_EQ(reply.body, long_text());
}

}  // namespace
}  // namespace smlp::server
