#include "base/system_error.h"

#include <cerrno>
#include <cstring>

namespace smlp {
namespace {

std::string_view remedy_for(int code) {
  switch (code) {
    case ENOSPC:
    case EDQUOT:
      return "free some space or choose another folder";
    case EFBIG:
      return "the file is larger than this system lets a process write (ulimit -f)";
    case EACCES:
    case EPERM:
      return "check the permissions of the file and its folder";
    case EROFS:
      return "choose a folder that is not mounted read-only";
    case ENOENT:
    case ENOTDIR:
      return "check the path";
    case EISDIR:
      return "give the name of a file";
    case ENAMETOOLONG:
      return "choose a shorter name";
    case ELOOP:
      return "check where its symbolic links lead";
    case EMFILE:
    case ENFILE:
      return "raise the limit on open files (ulimit -n)";
    default:
      return "";
  }
}

// The machine failed, not what it was asked for: the same call may work another time.
bool is_transient(int code) {
  return code == ENOMEM || code == EMFILE || code == ENFILE || code == EIO || code == EAGAIN || code == EINTR ||
         code == ENOSPC || code == EDQUOT || code == ENOLCK || code == EBUSY || code == ESTALE || code == ETIMEDOUT;
}

}  // namespace

std::unexpected<Error> system_error(std::string_view doing, int code, const std::filesystem::path& path) {
  return fail(Error{.what = fmt::format("cannot {}: {}", doing, std::strerror(code)),
                    .file = path.string(),
                    .remedy = std::string(remedy_for(code)),
                    .transient = is_transient(code)});
}

std::unexpected<Error> empty_path_error() {
  return fail(Error{.what = "an empty path", .remedy = "give the name of a file or folder"});
}

}  // namespace smlp
