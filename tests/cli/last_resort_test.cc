// What is said of an exception that nobody caught.
#include "cli/last_resort.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <system_error>

namespace smlp::cli {
namespace {

template <class Exception>
std::string said_of(const Exception& exception) {
  testing::internal::CaptureStderr();
  try {
    throw exception;
  } catch (...) {
    report_exception();
  }
  return testing::internal::GetCapturedStderr();
}

TEST(LastResort, OneLineWhateverTheTextHolds) {
  EXPECT_EQ(said_of(std::runtime_error("one\ntwo\t\x1b[2J \"three\" \\")), "smlp: error: one two  [2J \"three\" \\\n");
  const std::string long_text = said_of(std::runtime_error(std::string(5000, 'x')));
  EXPECT_TRUE(long_text.starts_with("smlp: error: xxx"));
  EXPECT_EQ(long_text.find('\n'), long_text.size() - 1);
  EXPECT_EQ(said_of(1), "smlp: error: an exception of unknown kind\n");
}

TEST(LastResort, WhatTheSystemRefusesIsNamed) {
  EXPECT_NE(said_of(std::bad_alloc()).find("out of memory"), std::string::npos);
  const auto again = std::make_error_code(std::errc::resource_unavailable_try_again);
  EXPECT_NE(said_of(std::system_error(again)).find("cannot start a thread: "), std::string::npos);
  EXPECT_NE(said_of(std::system_error(again)).find("use fewer threads"), std::string::npos);
  const auto other = std::make_error_code(std::errc::no_such_file_or_directory);
  EXPECT_EQ(said_of(std::system_error(other)).find("thread"), std::string::npos);
}

TEST(LastResort, AsJsonItCanBeRead) {
  ::setenv("SMLP_REMARKS", "json", 1);
  const std::string said = said_of(std::runtime_error("a \"quoted\" \\ text\nand more"));
  const std::string long_text = said_of(std::runtime_error(std::string(5000, 'x')));
  ::unsetenv("SMLP_REMARKS");
  EXPECT_EQ(nlohmann::json::parse(said)["error"], "a 'quoted' / text and more");
  EXPECT_TRUE(nlohmann::json::parse(long_text).contains("error"));
}

}  // namespace
}  // namespace smlp::cli
