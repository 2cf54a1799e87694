// Runs the built `smlp` as a shell user would.
#pragma once

#include <string>
#include <vector>

namespace smlp::test {

struct Outcome {
  int status = -1;  // exit status, or 128 + the signal
  std::string out, err;
};

// `smlp ARGUMENTS`, each argument passed as it is.
Outcome run_smlp(const std::vector<std::string>& arguments);

// A line for /bin/sh in which $SMLP is the program: "$SMLP info > /dev/full".
Outcome run_shell(const std::string& line);

// Lines of text without their newlines.
std::vector<std::string> lines_of(const std::string& text);

}  // namespace smlp::test
