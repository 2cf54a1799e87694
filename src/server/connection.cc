#include "server/connection.h"

#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <cstring>
#include <limits>
#include <tuple>

#include "server/as_result.h"
#include "server/content_coding.h"
#include "server/infer.h"
#include "server/inference.h"
#include "server/repository_request.h"
#include "server/request_body.h"

namespace smlp::server {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Parser = http::request_parser<http::buffer_body>;

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

std::string lower(std::string_view text) {
  std::string low(text);
  for (char& c : low) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return low;
}

// What says how a request is to be read is said once.
Answer<void> check_given_once(const Parser::value_type& head) {
  for (const char* const name : {"Host", "Content-Type", "Content-Encoding", "Inference-Header-Content-Length"}) {
    if (head.count(name) > 1) return refuse(400, "{} is given twice", name);
  }
  return {};
}

// Inference-Header-Content-Length; nothing where the request has none.
Answer<std::optional<std::size_t>> json_length(const Parser::value_type& head) {
  if (const auto once = check_given_once(head); !once) return std::unexpected(once.error());
  const auto field = head.find("Inference-Header-Content-Length");
  if (field == head.end()) return std::nullopt;
  const std::string_view text = view(field->value());
  std::size_t length = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (problem != std::errc() || end != text.data() + text.size()) {
    return refuse(400, "Inference-Header-Content-Length is not a number of bytes");
  }
  return length;
}

// A page of another site cannot read answers, but its browser would send what it asks. Browsers say so of themselves.
bool is_from_another_site(const Parser::value_type& head) {
  const bool changes_nothing = head.method() == http::verb::get || head.method() == http::verb::head;
  return !changes_nothing && view(head["Sec-Fetch-Site"]) == "cross-site";
}

// Temporaries of aggregates are kept out of co_await expressions: g++ 12 destroys them twice (GCC bug 105287).
// Stream: a TCP stream of Beast's, or TLS over one.
template <class Stream>
class Connection {
 public:
  Connection(Stream stream, Shared& shared) : stream_(std::move(stream)), shared_(shared) {}

  asio::awaitable<void> run() {
    beast::error_code problem;
    tcp().socket().set_option(asio::ip::tcp::no_delay(true), problem);
    if constexpr (kEncrypted) {
      tcp().expires_after(kTransferTimeout);
      problem = std::get<0>(co_await stream_.async_handshake(asio::ssl::stream_base::server, as_result));
      if (problem) co_return;
    }
    while (co_await answer_one()) {
    }
    if constexpr (kEncrypted) {
      tcp().expires_after(std::chrono::seconds(1));
      co_await stream_.async_shutdown(as_result);
    }
    tcp().socket().shutdown(asio::ip::tcp::socket::shutdown_both, problem);
  }

 private:
  static constexpr bool kEncrypted = !std::is_same_v<Stream, beast::tcp_stream>;

  beast::tcp_stream& tcp() { return beast::get_lowest_layer(stream_); }

  // False where the connection is to be closed.
  asio::awaitable<bool> answer_one() {
    Parser parser;
    parser.header_limit(kMaxHeadBytes);
    parser.body_limit(boost::none);  // ours says more
    if (!co_await wait_for_request()) co_return false;
    std::optional<Counted> head_counted(shared_.heads);
    tcp().expires_after(kTransferTimeout);
    const auto [problem, bytes] = co_await http::async_read_header(stream_, buffer_, parser, as_result);
    const Counted counted(shared_.in_flight);
    head_counted.reset();
    if (problem) co_return co_await refuse_head(problem);
    parser.eager(true);  // all chunks that are there at once
    const Parser::value_type& head = parser.get();
    keep_alive_ = head.keep_alive() && !shared_.state.stopping;
    head_only_ = head.method() == http::verb::head;
    version_ = head.version();
    left_ = parser.content_length().value_or(0);

    std::string allow;
    auto route = find_route(view(head.method_string()), view(head.target()), allow);
    if (!route) {
      Reply reply = refusal_reply(route.error());
      reply.allow = allow;
      co_return co_await refuse_unread(parser, std::move(reply));
    }
    if (is_from_another_site(head)) {
      Reply reply = refusal_reply(Refusal(403, "pages of other sites may not ask this"));
      co_return co_await refuse_unread(parser, std::move(reply));
    }
    if (!is_open(route->kind)) {
      if (auto allowed = shared_.keys.check(view(head[http::field::authorization])); !allowed) {
        Reply reply = refusal_reply(allowed.error());
        co_return co_await refuse_unread(parser, std::move(reply));
      }
    }
    const auto json_bytes = json_length(head);
    if (!json_bytes) {
      Reply reply = refusal_reply(json_bytes.error());
      co_return co_await refuse_unread(parser, std::move(reply));
    }
    if (route->kind == Route::Kind::infer && left_ <= shared_.options.max_request_bytes) {
      const auto model = shared_.state.models.find(route->model, route->version);
      if (const auto full = Inference::refuse_early(model, shared_.trace.get())) {
        Reply reply = refusal_reply(*full);
        co_return co_await refuse_for_now(parser, std::move(reply));
      }
    }
    RequestBody body(json_bytes->value_or(0), shared_.options.max_request_bytes);
    const Answer<void> read = co_await read_body(parser, body);
    if (!read) {
      Reply reply = refusal_reply(read.error());
      co_return co_await refuse_unread(parser, std::move(reply));
    }
    if (!body_is_read(parser)) co_return false;  // the client went away
    if (const auto plain = unpack(body, view(head[http::field::content_encoding])); !plain) {
      Reply reply = refusal_reply(plain.error());
      co_return co_await send(std::move(reply));
    }
    if (route->kind == Route::Kind::infer) co_return co_await answer_inference(*route, head, body, *json_bytes);
    if (const auto taken = take_repository_request(*route, body.bytes()); !taken) {
      Reply reply = refusal_reply(taken.error());
      co_return co_await send(std::move(reply));
    }
    Reply reply = co_await reply_to(*route);
    compress(reply, view(head[http::field::accept_encoding]));
    co_return co_await send(std::move(reply));
  }

  // Until its first bytes are there. False: the client is gone, or silent.
  asio::awaitable<bool> wait_for_request() {
    if (buffer_.size() > 0) co_return true;
    tcp().expires_after(kIdleTimeout);
    const auto room = buffer_.prepare(beast::read_size(buffer_, 65536));
    const auto [problem, bytes] = co_await stream_.async_read_some(room, as_result);
    buffer_.commit(bytes);
    co_return !problem;
  }

  static Answer<void> unpack(RequestBody& body, std::string_view content_encoding) {
    const std::string encoding = lower(content_encoding);
    if (encoding.empty() || encoding == "identity") return {};
    if (encoding != "gzip" && encoding != "x-gzip" && encoding != "deflate") {
      return refuse(415, "Content-Encoding may be gzip, deflate or identity");
    }
    return body.inflate(encoding);
  }

  asio::awaitable<bool> answer_inference(const Route& route, const Parser::value_type& head, const RequestBody& body,
                                         std::optional<std::size_t> json_bytes) {
    const std::string_view accepted = view(head[http::field::accept_encoding]);
    const RawRequest raw(route, view(head[http::field::content_type]), body.bytes(), json_bytes);
    std::optional<Reply> packed;  // an answer that is to be compressed: by this thread
    std::string text;
    std::size_t sent = 0;
    const std::function<void(Reply)> answer = [&](Reply reply) {
      if (is_compressed(reply, accepted)) {
        packed = std::move(reply);
      } else {
        text = text_of(reply);
        sent = send_now(text);
      }
    };
    co_await infer(tcp().socket(), shared_, raw, answer);
    if (packed) {
      compress(*packed, accepted);
      text = text_of(*packed);
    }
    if (text.empty()) co_return false;
    co_return co_await send_rest(text, sent);
  }

  asio::awaitable<Reply> reply_to(const Route& route) {
    if (route.kind == Route::Kind::load || route.kind == Route::Kind::unload) co_return co_await change_models(route);
    auto reply = answer_route(route, shared_.state);
    co_return reply ? std::move(*reply) : refusal_reply(reply.error());
  }

  asio::awaitable<Reply> change_models(const Route& route) {
    const auto here = co_await asio::this_coro::executor;
    co_await asio::post(asio::bind_executor(shared_.slow, asio::use_awaitable));
    const Answer<void> done = smlp::server::change_models(route, shared_.state.models);
    co_await asio::post(asio::bind_executor(here, asio::use_awaitable));
    co_return done ? Reply{.body = "{}"} : refusal_reply(done.error());
  }

  // Some of the body, straight from the socket into `room`; a chunked one goes through the parser. Returns the bytes.
  asio::awaitable<std::size_t> read_piece(Parser& parser, std::span<std::byte> room, beast::error_code& problem) {
    if (parser.chunked()) {
      parser.get().body() = {room.data(), room.size(), true};
      problem = std::get<0>(co_await http::async_read_some(stream_, buffer_, parser, as_result));
      if (problem == http::error::need_buffer) problem = {};
      co_return room.size() - parser.get().body().size;
    }
    const std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), left_));
    std::size_t bytes = std::min(buffer_.size(), wanted);  // what came with the head
    if (bytes > 0) {
      std::memcpy(room.data(), buffer_.data().data(), bytes);
      buffer_.consume(bytes);
    } else {
      std::tie(problem, bytes) = co_await stream_.async_read_some(asio::buffer(room.data(), wanted), as_result);
    }
    left_ -= bytes;
    co_return bytes;
  }

  bool body_is_read(const Parser& parser) const { return parser.chunked() ? parser.is_done() : left_ == 0; }

  // Whether the client sends the body only when it is told to.
  static bool waits_for_word(const Parser& parser) {
    return lower(view(parser.get()[http::field::expect])) == "100-continue";
  }

  // An error is what to say; a client that goes away leaves the body unread.
  asio::awaitable<Answer<void>> read_body(Parser& parser, RequestBody& body) {
    if (left_ > 0) {
      const auto limit = std::numeric_limits<std::size_t>::max();
      if (auto reserved = body.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(left_, limit))); !reserved) {
        co_return reserved;
      }
    }
    if (!body_is_read(parser) && waits_for_word(parser)) {
      http::response<http::empty_body> go_on(http::status::continue_, version_);
      co_await http::async_write(stream_, go_on, as_result);
    }
    while (!body_is_read(parser)) {
      const auto room = body.room();
      if (!room) co_return std::unexpected(room.error());
      tcp().expires_after(kTransferTimeout);
      beast::error_code problem;
      body.filled(co_await read_piece(parser, *room, problem));
      if (!problem) continue;
      if (is_malformed(problem)) co_return refuse(400, "the request's body is not well-formed");
      if (problem == beast::error::timeout) co_return refuse(408, "the request did not arrive in time");
      co_return Answer<void>();
    }
    co_return Answer<void>();
  }

  static bool is_malformed(const beast::error_code& problem) {
    return problem.category() == http::make_error_code(http::error::bad_version).category() &&
           problem != http::error::end_of_stream && problem != http::error::partial_message;
  }

  // A head that could not be read.
  asio::awaitable<bool> refuse_head(const beast::error_code& problem) {
    keep_alive_ = false;
    Refusal refusal(400, "the request is not well-formed HTTP");
    if (problem == http::error::header_limit) {
      refusal = Refusal(431, fmt::format("a head of more than {} bytes", kMaxHeadBytes));
    } else if (!is_malformed(problem)) {
      co_return false;  // closed, idle for too long
    }
    Reply reply = refusal_reply(refusal);
    co_await send(std::move(reply));
    co_return co_await close_slowly();
  }

  // An answer before the body was read.
  asio::awaitable<bool> refuse_unread(const Parser& parser, Reply reply) {
    if (body_is_read(parser)) co_return co_await send(std::move(reply));
    keep_alive_ = false;
    co_await send(std::move(reply));
    co_return co_await close_slowly();
  }

  // The same for a request that may be taken the next time. Its body, which is on its way, is passed over, so that the
  // connection goes on: to close it would cost both sides more than that.
  asio::awaitable<bool> refuse_for_now(const Parser& parser, Reply reply) {
    if (parser.chunked() || waits_for_word(parser)) co_return co_await refuse_unread(parser, std::move(reply));
    const bool goes_on = co_await send(std::move(reply));
    co_return co_await pass_over_body() && goes_on;
  }

  // False: the client is gone, or silent.
  asio::awaitable<bool> pass_over_body() {
    left_ -= consume(left_);
    std::array<std::byte, 4096> scrap;
    while (left_ > 0) {
      tcp().expires_after(kTransferTimeout);
      const auto some = asio::buffer(scrap.data(), std::min<std::uint64_t>(scrap.size(), left_));
      const auto [problem, bytes] = co_await stream_.async_read_some(some, as_result);
      if (problem) co_return false;
      left_ -= bytes;
      left_ -= drop_now(left_);
    }
    co_return true;
  }

  // Takes up to `most` bytes from those that came with the head.
  std::size_t consume(std::uint64_t most) {
    const std::size_t bytes = std::min<std::uint64_t>(buffer_.size(), most);
    buffer_.consume(bytes);
    return bytes;
  }

  // Has the system drop what the socket holds, up to `most` bytes, without a copy.
  std::uint64_t drop_now(std::uint64_t most) {
    if constexpr (kEncrypted) return 0;
    std::uint64_t dropped = 0;
    while (dropped < most) {
      const ssize_t bytes = ::recv(tcp().socket().native_handle(), nullptr, most - dropped, MSG_TRUNC | MSG_DONTWAIT);
      if (bytes <= 0) break;  // the next read finds out why
      dropped += static_cast<std::uint64_t>(bytes);
    }
    return dropped;
  }

  // The end of a connection whose client may still write: that is read over for a while, because closing on it would
  // take the answer away from a client that writes before it reads.
  asio::awaitable<bool> close_slowly() {
    beast::error_code problem;
    tcp().socket().shutdown(asio::ip::tcp::socket::shutdown_send, problem);
    constexpr std::size_t patience = 4 << 20;
    std::array<std::byte, 16384> scrap;
    tcp().expires_after(std::chrono::seconds(2));
    for (std::size_t dropped = 0; !problem && dropped < patience;) {
      std::size_t bytes = 0;
      std::tie(problem, bytes) = co_await stream_.async_read_some(asio::buffer(scrap), as_result);
      dropped += bytes;
    }
    co_return false;
  }

  // Head and body, as they go out; to a HEAD request the head alone.
  std::string text_of(const Reply& reply) const {
    std::string text = fmt::format(
        "HTTP/{}.{} {} {}\r\nServer: smlp\r\nContent-Type: {}\r\n", version_ / 10, version_ % 10, reply.status,
        view(http::obsolete_reason(static_cast<http::status>(reply.status))), reply.content_type);
    const auto add = [&](std::string_view name, std::string_view value) {
      if (!value.empty()) text.append(name).append(": ").append(value).append("\r\n");
    };
    add("X-Content-Type-Options", "nosniff");
    add("Vary", "Accept-Encoding");
    add("Content-Encoding", reply.content_encoding);
    add("WWW-Authenticate", reply.status == 401 ? "Bearer" : "");
    add("Inference-Header-Content-Length", reply.json_bytes > 0 ? std::to_string(reply.json_bytes) : "");
    add("Allow", reply.allow);
    add("Retry-After", reply.retry_after_s > 0 ? std::to_string(reply.retry_after_s) : "");
    add("Server-Timing", reply.timing);
    add("Content-Length", std::to_string(reply.body.size()));
    add("Connection", !keep_alive_ ? "close" : version_ < 11 ? "keep-alive" : "");
    text += "\r\n";
    if (!head_only_) text += reply.body;
    return text;
  }

  // What the socket takes of `text` at once, bytes; from any thread, while no other writes. Encrypted ones take
  // nothing: their state belongs to the connection's thread.
  std::size_t send_now(std::string_view text) {
    if constexpr (kEncrypted) return 0;
    const ssize_t bytes = ::send(tcp().socket().native_handle(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    return bytes > 0 ? static_cast<std::size_t>(bytes) : 0;  // send_rest() finds out what is wrong
  }

  asio::awaitable<bool> send_rest(std::string_view text, std::size_t sent) {
    if (sent < text.size()) {
      tcp().expires_after(kTransferTimeout);
      const auto rest = asio::buffer(text.substr(sent));
      const auto [problem, bytes] = co_await asio::async_write(stream_, rest, as_result);
      if (problem) co_return false;
    }
    co_return keep_alive_;
  }

  asio::awaitable<bool> send(Reply reply) {
    const std::string text = text_of(reply);
    co_return co_await send_rest(text, 0);
  }

  Stream stream_;
  beast::flat_buffer buffer_{kMaxHeadBytes + 65536};
  Shared& shared_;
  bool keep_alive_ = false, head_only_ = false;
  unsigned version_ = 11;
  std::uint64_t left_ = 0;  // of a body whose length the head says: bytes that were not read yet
};

}  // namespace

asio::awaitable<void> run_connection(asio::ip::tcp::socket socket, Shared& shared) {
  beast::tcp_stream tcp(std::move(socket));
  if (shared.tls == nullptr) {
    Connection<beast::tcp_stream> connection(std::move(tcp), shared);
    co_await connection.run();
  } else {
    using Encrypted = asio::ssl::stream<beast::tcp_stream>;
    Encrypted stream(std::move(tcp), *shared.tls);
    Connection<Encrypted> connection(std::move(stream), shared);
    co_await connection.run();
  }
}

}  // namespace smlp::server
