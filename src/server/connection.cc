#include "server/connection.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <cstring>
#include <limits>
#include <tuple>

#include "server/content_coding.h"
#include "server/infer.h"
#include "server/request_body.h"

namespace smlp::server {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Parser = http::request_parser<http::buffer_body>;

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

std::string lower(std::string_view text) {
  std::string low(text);
  for (char& c : low) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return low;
}

// Inference-Header-Content-Length; nothing where the request has none.
Answer<std::optional<std::size_t>> json_length(const Parser::value_type& head) {
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
    tcp().expires_after(buffer_.size() > 0 ? kTransferTimeout : kIdleTimeout);
    const auto [problem, bytes] = co_await http::async_read_header(stream_, buffer_, parser, as_result);
    if (problem) co_return co_await refuse_head(problem);
    const Parser::value_type& head = parser.get();
    keep_alive_ = head.keep_alive() && !shared_.state.stopping;
    head_only_ = head.method() == http::verb::head;
    version_ = head.version();
    left_ = parser.content_length().value_or(0);
    const InFlight counted(shared_);

    std::string allow;
    const auto route = find_route(view(head.method_string()), view(head.target()), allow);
    if (!route) {
      Reply reply = refusal_reply(route.error());
      reply.allow = allow;
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
    RequestBody body(json_bytes->value_or(0), shared_.options.max_request_bytes);
    const Answer<void> read = co_await read_body(parser, body);
    if (!read) {
      Reply reply = refusal_reply(read.error());
      co_return co_await refuse_unread(parser, std::move(reply));
    }
    if (!body_is_read(parser)) co_return false;  // the client went away
    Reply reply = co_await reply_to(*route, head, body, *json_bytes);
    compress(reply, view(head[http::field::accept_encoding]));
    co_return co_await send(std::move(reply));
  }

  asio::awaitable<Reply> reply_to(const Route& route, const Parser::value_type& head, RequestBody& body,
                                  std::optional<std::size_t> json_bytes) {
    const std::string encoding = lower(view(head[http::field::content_encoding]));
    if (!encoding.empty() && encoding != "identity") {
      if (encoding != "gzip" && encoding != "x-gzip" && encoding != "deflate") {
        const Refusal refusal(415, "Content-Encoding may be gzip, deflate or identity");
        co_return refusal_reply(refusal);
      }
      if (const auto inflated = body.inflate(encoding); !inflated) co_return refusal_reply(inflated.error());
    }
    switch (route.kind) {
      case Route::Kind::infer:
        co_return co_await infer(tcp().socket(), shared_,
                                 RawRequest(route, view(head[http::field::content_type]), body.bytes(), json_bytes));
      case Route::Kind::load:
      case Route::Kind::unload:
        co_return co_await change_models(route);
      default:
        break;
    }
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

  // An error is what to say; a client that goes away leaves the body unread.
  asio::awaitable<Answer<void>> read_body(Parser& parser, RequestBody& body) {
    if (left_ > 0) {
      const auto limit = std::numeric_limits<std::size_t>::max();
      if (auto reserved = body.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(left_, limit))); !reserved) {
        co_return reserved;
      }
    }
    if (!body_is_read(parser) && lower(view(parser.get()[http::field::expect])) == "100-continue") {
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
    co_return co_await send(std::move(reply));
  }

  // An answer before the body was read. The connection ends with it, but not at once: what the client still writes is
  // read over for a while, because closing on it would take the answer away from a client that writes before it reads.
  asio::awaitable<bool> refuse_unread(Parser& parser, Reply reply) {
    if (body_is_read(parser)) co_return co_await send(std::move(reply));
    keep_alive_ = false;
    co_await send(std::move(reply));
    beast::error_code problem;
    tcp().socket().shutdown(asio::ip::tcp::socket::shutdown_send, problem);
    constexpr std::size_t patience = 4 << 20;
    std::array<std::byte, 16384> scrap;
    tcp().expires_after(std::chrono::seconds(2));
    for (std::size_t dropped = 0; !problem && dropped < patience;) {
      dropped += co_await read_piece(parser, scrap, problem);
      if (body_is_read(parser)) break;
    }
    co_return false;
  }

  asio::awaitable<bool> send(Reply reply) {
    http::response<http::string_body> response(static_cast<http::status>(reply.status), version_);
    response.set(http::field::server, "smlp");
    response.set(http::field::content_type, reply.content_type);
    response.set("X-Content-Type-Options", "nosniff");
    response.set(http::field::vary, "Accept-Encoding");
    if (!reply.content_encoding.empty()) response.set(http::field::content_encoding, reply.content_encoding);
    if (reply.status == 401) response.set(http::field::www_authenticate, "Bearer");
    if (reply.json_bytes > 0) response.set("Inference-Header-Content-Length", std::to_string(reply.json_bytes));
    if (!reply.allow.empty()) response.set(http::field::allow, reply.allow);
    if (reply.retry_after_s > 0) response.set(http::field::retry_after, std::to_string(reply.retry_after_s));
    if (!reply.timing.empty()) response.set("Server-Timing", reply.timing);
    response.keep_alive(keep_alive_);
    response.body() = std::move(reply.body);
    response.prepare_payload();
    if (head_only_) response.body().clear();
    tcp().expires_after(kTransferTimeout);
    http::response_serializer<http::string_body> serializer(response);
    if (head_only_) {
      const auto [problem, bytes] = co_await http::async_write_header(stream_, serializer, as_result);
      co_return !problem && keep_alive_;
    }
    const auto [problem, bytes] = co_await http::async_write(stream_, serializer, as_result);
    co_return !problem && keep_alive_;
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
