#include "cli/last_resort.h"

#include <unistd.h>

#include <array>
#include <cstring>
#include <exception>
#include <new>
#include <string_view>
#include <system_error>

namespace smlp::cli {
namespace {

// One line, cut where it gets too long.
class Line {
 public:
  void add(std::string_view text) {
    for (const char c : text) {
      if (size_ + 1 < buffer_.size()) buffer_[size_++] = static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  void write() {
    buffer_[size_++] = '\n';
    [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, buffer_.data(), size_);
  }

 private:
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
  line.add("smlp: error: ");
  try {
    if (std::current_exception() == nullptr) {
      line.add("ended unexpectedly");
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
