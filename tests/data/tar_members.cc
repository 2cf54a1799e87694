// Prints the members of a tar archive, for tar_test.py: name, offset and size with zero bytes between.
#include <cstdio>

#include "data/tar_archive.h"

int main(int count, char** arguments) {
  if (count != 2) return 2;
  const auto archive = smlp::TarArchive::open(arguments[1]);
  if (!archive) {
    std::fprintf(stderr, "%s\n", archive.error().message().c_str());
    return 1;
  }
  for (const smlp::TarMember& member : archive->members()) {
    const std::string line = fmt::format("{}{}{}{}{}{}", member.name, '\0', member.offset, '\0', member.bytes, '\0');
    std::fwrite(line.data(), 1, line.size(), stdout);
  }
  return 0;
}
