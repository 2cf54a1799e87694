#include "server/request_trace.h"

#include <sys/file.h>

#include <array>
#include <cerrno>
#include <tuple>
#include <utility>

#include "base/json.h"
#include "base/no_throw.h"
#include "base/open_file.h"
#include "tasks/named_output.h"

namespace smlp::server {
namespace {

constexpr std::uint64_t kMostBytes = 256 << 20;  // some 400,000 requests; Perfetto takes no more in comfort
constexpr std::size_t kBuffered = 64 << 10;

constexpr std::string_view kStart = R"([{"ph": "M", "pid": 1, "name": "process_name", "args": {"name": "smlp serve"}})";

bool is_trace(std::string_view start) { return start.starts_with(kStart); }

// A server that runs holds a lock on its trace.
Result<void> check_nobody_writes(const std::filesystem::path& file) {
  if (!name_is_taken(file)) return {};
  SMLP_TRY(old, open_regular(file));
  if (::flock(old.handle.get(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return {};
  return fail(Error{.what = "another smlp serve is writing it",
                    .file = file.string(),
                    .remedy = "give each server a trace of its own"});
}

std::string json_string(std::string_view text) { return dump_json(nlohmann::json(text)); }

}  // namespace

RequestTrace::RequestTrace(std::filesystem::path file, FileHandle handle)
    : path_(std::move(file)), handle_(std::move(handle)) {}

Result<std::unique_ptr<RequestTrace>> RequestTrace::create(const std::filesystem::path& file, bool replace) {
  if (replace) {
    SMLP_CHECK(check_replaceable(file, is_trace, "a trace of serve"));
    SMLP_CHECK(check_nobody_writes(file));
  }
  SMLP_CHECK(check_writable(file, replace ? Existing::replace : Existing::keep));
  SMLP_TRY(handle, create_own(file));
  // Where the file system cannot lock, the lock is only a courtesy.
  std::ignore = ::flock(handle.get(), LOCK_EX | LOCK_NB);
  std::unique_ptr<RequestTrace> trace(new RequestTrace(file, std::move(handle)));
  trace->lines_ = kStart;
  const std::lock_guard lock(trace->mutex_);
  trace->flush();
  if (trace->full_) {
    std::ignore = delete_file(file);  // or the next server would take it for somebody's
    return fail(Error{.what = "the trace cannot be written",
                      .file = file.string(),
                      .remedy = "is the disk full? Free some space or give another place"});
  }
  return trace;
}

RequestTrace::~RequestTrace() {
  std::ignore = no_throw([&]() -> Result<void> {
    const std::lock_guard lock(mutex_);
    full_ = false;
    lines_ += "\n]\n";
    flush();
    return {};
  });
}

void RequestTrace::flush() {
  if (full_) return;
  bytes_ += lines_.size();
  full_ = !write_all(handle_, std::as_bytes(std::span(lines_)), path_) || bytes_ > kMostBytes;
  lines_.clear();
}

void RequestTrace::add(const TracedRequest& request) noexcept {
  std::ignore = no_throw([&]() -> Result<void> {
    const std::lock_guard lock(mutex_);
    if (full_) return {};
    const std::uint64_t id = ++requests_;
    std::string lines;
    const auto at = [&](TracedRequest::Clock::time_point when) {
      return std::chrono::duration<double, std::micro>(when - start_).count();
    };
    const auto add_line = [&](char phase, std::string_view name, TracedRequest::Clock::time_point when,
                              std::string_view arguments) {
      lines += fmt::format(
          ",\n{{\"ph\": \"{}\", \"cat\": \"request\", \"id\": {}, \"pid\": 1, \"tid\": 1, \"name\": \"{}\", "
          "\"ts\": {:.3f}{}}}",
          phase, id, name, at(when), arguments);
    };
    const std::string arguments =
        fmt::format(R"(, "args": {{"model": {}, "version": {}, "id": {}, "pictures": {}, "batch": {}, "outcome": {}}})",
                    json_string(request.model), json_string(request.version), json_string(request.id), request.pictures,
                    request.batch, json_string(request.outcome));
    add_line('b', "request", request.arrived, arguments);
    const std::array<std::pair<std::string_view, TracedRequest::Clock::time_point>, 4> parts = {
        {{"read", request.queued},
         {"queue", request.begun},
         {"compute", request.answered},
         {"write", request.written}}};
    auto from = request.arrived;
    for (const auto& [name, until] : parts) {
      add_line('b', name, from, "");
      add_line('e', name, until, "");
      from = until;
    }
    add_line('e', "request", request.written, "");
    lines_ += lines;
    if (lines_.size() >= kBuffered) flush();
    return {};
  });
}

}  // namespace smlp::server
