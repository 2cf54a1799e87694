#include "cli/console.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cli/json_line.h"

namespace smlp::cli {
namespace {

constexpr std::size_t kLongestRemark = 4096;  // a tensor's name may be megabytes long

int first_write_error = 0;

void note_failure() {
  if (first_write_error == 0) first_write_error = errno != 0 ? errno : EIO;
}

void write_remark(const std::string& line) {
  flush_output();
  std::fwrite(line.data(), 1, line.size(), stderr);
}

void remark(const char* kind, std::string_view message) {
  if (remarks_are_json()) {
    write_remark(json_text({{kind, shortened(message, kLongestRemark)}}) + "\n");
  } else {
    write_remark(fmt::format("smlp: {}: {}\n", kind, printable(shortened(message, kLongestRemark))));
  }
}

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(shortened(text, kLongestRemark)); }

}  // namespace

void prepare_streams() {
  std::signal(SIGPIPE, SIG_DFL);
  std::signal(SIGXFSZ, SIG_IGN);
  // Opened for the wrong direction: a read from the closed stdin or a write to the closed stdout still fails.
  for (const int fd : {0, 1, 2}) {
    if (::fcntl(fd, F_GETFD) != -1) continue;
    const int opened = ::open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
    if (opened >= 0 && opened != fd) ::close(opened);
  }
}

void write_output(std::string_view text) {
  errno = 0;
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) note_failure();
}

void flush_output() {
  errno = 0;
  if (std::fflush(stdout) != 0) note_failure();
}

Result<void> finish_output() {
  flush_output();
  if (first_write_error == 0) return {};
  return fail(Error{.what = fmt::format("cannot write: {}", std::strerror(first_write_error)),
                    .file = "standard output",
                    .remedy = first_write_error == ENOSPC ? "free some space and run it again" : ""});
}

bool remarks_are_json() {
  const char* form = std::getenv("SMLP_REMARKS");
  return form != nullptr && std::strcmp(form, "json") == 0;
}

void report_error(const Error& error) {
  if (!remarks_are_json()) return report_error(error.message());
  write_remark(json_text({{"error", shortened(error.message(), kLongestRemark)},
                          {"what", text_or_null(error.what)},
                          {"file", text_or_null(error.file)},
                          {"offset", error.offset ? Json(*error.offset) : Json()},
                          {"tensor", text_or_null(error.tensor)},
                          {"remedy", text_or_null(error.remedy)},
                          {"transient", error.transient}}) +
               "\n");
}

void report_error(std::string_view message) { remark("error", message); }
void report_warning(std::string_view message) { remark("warning", message); }

void report_progress(std::int64_t done, std::int64_t all, std::string_view unit) {
  write_remark(json_text({{"progress", {{"done", done}, {"all", all}, {"unit", unit}}}}) + "\n");
}

bool output_is_terminal() { return ::isatty(STDOUT_FILENO) == 1; }
bool remarks_on_terminal() { return ::isatty(STDERR_FILENO) == 1; }

bool use_colour() {
  const char* no_colour = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return output_is_terminal() && (no_colour == nullptr || *no_colour == '\0') &&
         (terminal == nullptr || std::strcmp(terminal, "dumb") != 0);
}

int terminal_width() {
  winsize size = {};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

}  // namespace smlp::cli
