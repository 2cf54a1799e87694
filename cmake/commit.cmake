# Writes OUTPUT, a header that names the commit of SOURCE, where it is a repository; called with each build, and changes
# the file only where it says something else.
cmake_minimum_required(VERSION 3.25)  # a script of its own: its policies are not those of the project
execute_process(
  COMMAND git -C "${SOURCE}" describe --always --dirty --exclude=* --abbrev=12
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE status)
execute_process(
  COMMAND git -C "${SOURCE}" rev-parse --show-prefix
  OUTPUT_VARIABLE prefix OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
# An unpacked archive inside somebody else's repository has no commit of its own.
if(NOT status EQUAL 0 OR NOT prefix STREQUAL "")
  set(commit "")
endif()
file(CONFIGURE OUTPUT "${OUTPUT}" CONTENT "#pragma once\n\n#define SMLP_COMMIT \"@commit@\"\n" @ONLY)
