#include "cli/last_resort.h"

#include <unistd.h>

#include <array>
#include <cstring>
#include <exception>
#include <new>
#include <string_view>
#include <system_error>

#include "cli/console.h"

namespace smlp::cli {
namespace {

// One line, cut where it gets too long. Nothing here needs memory.
class Line {
 public:
  Line() { put(json_ ? R"({"error": ")" : "smlp: error: "); }
  void add(std::string_view text) {
    for (const char c : text) {
      if (size_ + kEnd < buffer_.size()) buffer_[size_++] = plain(c);
    }
  }
  void write() {
    put(json_ ? "\"}\n" : "\n");
    [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, buffer_.data(), size_);
  }

 private:
  static constexpr std::size_t kEnd = 3;  // bytes that write() adds

  void put(std::string_view text) { size_ += text.copy(buffer_.data() + size_, buffer_.size() - size_); }
  // Quotes and backslashes would have to be escaped in JSON.
  char plain(char c) const {
    if (static_cast<unsigned char>(c) < 0x20) return ' ';
    return json_ && c == '"' ? '\'' : json_ && c == '\\' ? '/' : c;
  }

  const bool json_ = remarks_are_json();
  std::array<char, 1000> buffer_ = {};
  std::size_t size_ = 0;
};

[[noreturn]] void on_terminate() {
  report_exception();
  ::_exit(1);
}

}  // namespace

void end_in_one_line() { std::set_terminate(on_terminate); }

void report_exception() noexcept {
  Line line;
  try {
    if (std::current_exception() == nullptr) {
      line.add("ended unexpectedly; where memory is limited (ulimit -v), allow more");
    } else {
      std::rethrow_exception(std::current_exception());
    }
  } catch (const std::bad_alloc&) {
    line.add("out of memory; use a smaller batch, fewer threads or a larger limit (ulimit -v)");
  } catch (const std::system_error& error) {
    const bool thread = error.code() == std::errc::resource_unavailable_try_again;
    line.add(thread ? "cannot start a thread: " : "");
    line.add(error.what());
    line.add(thread ? "; use fewer threads or a larger limit (ulimit -u)" : "");
  } catch (const std::exception& error) {
    line.add(error.what());
  } catch (...) {
    line.add("an exception of unknown kind");
  }
  line.write();
}

}  // namespace smlp::cli
