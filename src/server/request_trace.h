// What became of each request, and when, as a file that https://ui.perfetto.dev and chrome://tracing open.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/open_file.h"

namespace smlp::server {

struct TracedRequest {
  using Clock = std::chrono::steady_clock;
  std::string_view model = {}, version = {}, id = {}, outcome = {};  // "ok", or why not
  std::size_t pictures = 0, batch = 0;  // of the request; that went through the network with its first one
  // Arrived; read, and in the queue; its first picture in a batch; answered; written. Those that it did not reach are
  // those of the end.
  Clock::time_point arrived = {}, queued = {}, begun = {}, answered = {}, written = {};
};

// The Trace Event Format's array: each request is an asynchronous event of its own, and in it read, queue, compute and
// write. It is whole at the end, and readable after a kill too. Safe to use from several threads.
class RequestTrace {
 public:
  // Errors: a file that cannot be written, or is there already; `replace` lets go of one that a server wrote and no
  // server writes now.
  static Result<std::unique_ptr<RequestTrace>> create(const std::filesystem::path& file, bool replace);
  ~RequestTrace();

  // A request whose line cannot be written, or that is beyond the file's limit, is left out, and so are all after it.
  void add(const TracedRequest& request) noexcept;

 private:
  RequestTrace(std::filesystem::path file, FileHandle handle);
  void flush();

  const std::filesystem::path path_;
  const FileHandle handle_;
  const TracedRequest::Clock::time_point start_ = TracedRequest::Clock::now();
  std::mutex mutex_;
  std::string lines_;  // not written yet
  std::uint64_t requests_ = 0, bytes_ = 0;
  bool full_ = false;
};

}  // namespace smlp::server
