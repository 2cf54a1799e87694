#include "server/grpc_server.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpc/support/log.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <malloc.h>

#include <boost/asio/post.hpp>
#include <limits>
#include <mutex>
#include <thread>

#include "server/infer_message.h"
#include "server/inference.h"
#include "server/open_inference.grpc.pb.h"
#include "server/repository_request.h"

namespace smlp::server {
namespace {

namespace asio = boost::asio;
using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;
using grpc::StatusCode;
using Kind = Route::Kind;

grpc::Status status_of(const Refusal& refusal) {
  const auto code = [&] {
    switch (refusal.status) {
      case 400:
        return StatusCode::INVALID_ARGUMENT;
      case 401:
        return StatusCode::UNAUTHENTICATED;
      case 404:
        return StatusCode::NOT_FOUND;
      case 413:
        return StatusCode::RESOURCE_EXHAUSTED;
      case 499:
        return StatusCode::CANCELLED;
      case 503:
        return StatusCode::UNAVAILABLE;
      default:
        return StatusCode::INTERNAL;
    }
  };
  return {code(), refusal.message};
}

// What HTTP answers, as the message of the same names; what the message lacks is left out.
grpc::Status from_json(const std::string& json, google::protobuf::Message& message) {
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  const auto parsed = google::protobuf::util::JsonStringToMessage(json, &message, options);
  if (!parsed.ok()) return {StatusCode::INTERNAL, "the answer cannot be written as a message"};
  return grpc::Status::OK;
}

// When the client stops waiting; nothing: never.
std::optional<Inference::Clock::time_point> deadline_of(const CallbackServerContext& context) {
  const auto deadline = context.deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) return std::nullopt;
  const auto left = deadline - std::chrono::system_clock::now();
  if (left > std::chrono::hours(24)) return std::nullopt;
  return Inference::Clock::now() + std::chrono::duration_cast<Inference::Clock::duration>(left);
}

Answer<void> check_key(const Shared& shared, const CallbackServerContext& context) {
  const auto& metadata = context.client_metadata();
  const auto field = metadata.find("authorization");
  if (field == metadata.end()) return shared.keys.check("");
  return shared.keys.check({field->second.data(), field->second.size()});
}

// A message's model and version, which clients write first; empty where they do not.
struct ModelWanted {
  std::string name = {}, version = {};
};

// Reads no further than that, however long the message is.
ModelWanted model_wanted(grpc::ByteBuffer& bytes) {
  using google::protobuf::internal::WireFormatLite;
  using Message = inference::ModelInferRequest;
  constexpr auto texts = WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
  ModelWanted wanted;
  grpc::ProtoBufferReader stream(&bytes);
  google::protobuf::io::CodedInputStream in(&stream);
  while (true) {
    const auto tag = in.ReadTag();
    std::uint32_t length = 0;
    const bool is_name = tag == WireFormatLite::MakeTag(Message::kModelNameFieldNumber, texts);
    const bool is_version = tag == WireFormatLite::MakeTag(Message::kModelVersionFieldNumber, texts);
    if ((!is_name && !is_version) || !in.ReadVarint32(&length) || length > kMaxHeadBytes) return wanted;
    if (!in.ReadString(is_name ? &wanted.name : &wanted.version, static_cast<int>(length))) return {};
  }
}

// One ModelInfer, which deletes itself when gRPC has done with it. It takes the message as the bytes that came: where
// the queue is full they are let go of unread.
class InferCall final : public ServerUnaryReactor {
 public:
  InferCall(Shared& shared, asio::thread_pool& others, const CallbackServerContext& context, grpc::ByteBuffer& response)
      : shared_(shared), counted_(shared.in_flight), others_(others), context_(context), response_(response) {}

  void begin(grpc::ByteBuffer bytes) {
    if (auto allowed = check_key(shared_, context_); !allowed) return Finish(status_of(allowed.error()));
    const ModelWanted wanted = model_wanted(bytes);
    const auto model = shared_.state.models.find(wanted.name, wanted.version);
    if (const auto full = Inference::refuse_early(model, shared_.trace.get())) return Finish(status_of(*full));
    if (!grpc::SerializationTraits<inference::ModelInferRequest>::Deserialize(&bytes, &message_).ok()) {
      return Finish(status_of(Refusal(400, "the message is no ModelInferRequest")));
    }
    ask();
  }

  void OnCancel() override {
    const std::lock_guard lock(mutex_);
    is_cancelled_ = true;
    if (inference_) inference_->cancel();
  }
  void OnDone() override { delete this; }

 private:
  void ask() {
    auto found = shared_.state.models.find(message_.model_name(), message_.model_version());
    if (!found) return Finish(status_of(found.error()));
    const auto inference = std::make_shared<Inference>(std::move(*found), shared_.trace.get());
    auto request = read_infer_message(message_, inference->model().input);
    if (!request) return Finish(status_of(inference->fail(request.error())));
    {
      const std::lock_guard lock(mutex_);
      inference_ = inference;
      if (is_cancelled_) inference_->cancel();
    }
    inference->start(std::move(*request), deadline_of(context_), [this] { take_answer(); });  // this may be gone now
  }

  // In a thread of the batcher's, or that which asked.
  void take_answer() {
    if (inference_->came_too_late()) {
      asio::post(others_, [this] { ask(); });
    } else if (inference_->is_small()) {
      answer();
    } else {
      asio::post(others_, [this] { answer(); });
    }
  }

  void answer() {
    grpc::Status status;
    try {
      inference::ModelInferResponse response;
      const auto written = inference_->finish(
          [&](const ServedModel& model, const InferRequest& request, std::span<const Logits> logits) {
            return write_infer_message(model, request, logits, response);
          });
      bool owned = false;
      status = written
                   ? grpc::SerializationTraits<inference::ModelInferResponse>::Serialize(response, &response_, &owned)
                   : status_of(written.error());
    } catch (const std::bad_alloc&) {
      status = {StatusCode::UNAVAILABLE, "out of memory"};
    }
    Finish(status);  // this may be gone now
  }

  Shared& shared_;
  const Counted counted_;
  asio::thread_pool& others_;
  const CallbackServerContext& context_;
  grpc::ByteBuffer& response_;
  inference::ModelInferRequest message_;
  std::mutex mutex_;
  std::shared_ptr<Inference> inference_;
  bool is_cancelled_ = false;
};

// gRPC begins calls before it is known whether the server stops; all it asks but ModelInfer is what HTTP asks.
class Service final : public inference::GRPCInferenceService::WithRawCallbackMethod_ModelInfer<
                          inference::GRPCInferenceService::CallbackService> {
 public:
  Service(Shared& shared, asio::thread_pool& others) : shared_(shared), others_(others) {}

  ServerUnaryReactor* ServerLive(CallbackServerContext* context, const inference::ServerLiveRequest*,
                                 inference::ServerLiveResponse* response) override {
    return answer(*context, {.kind = Kind::live}, *response);
  }
  ServerUnaryReactor* ServerReady(CallbackServerContext* context, const inference::ServerReadyRequest*,
                                  inference::ServerReadyResponse* response) override {
    return answer(*context, {.kind = Kind::ready}, *response);
  }
  ServerUnaryReactor* ModelReady(CallbackServerContext* context, const inference::ModelReadyRequest* request,
                                 inference::ModelReadyResponse* response) override {
    if (auto allowed = check_key(shared_, *context); !allowed) return finish(*context, status_of(allowed.error()));
    response->set_ready(shared_.state.models.find(request->name(), request->version()).has_value());
    return finish(*context, grpc::Status::OK);
  }
  ServerUnaryReactor* ServerMetadata(CallbackServerContext* context, const inference::ServerMetadataRequest*,
                                     inference::ServerMetadataResponse* response) override {
    return answer(*context, {.kind = Kind::server_metadata}, *response);
  }
  ServerUnaryReactor* ModelMetadata(CallbackServerContext* context, const inference::ModelMetadataRequest* request,
                                    inference::ModelMetadataResponse* response) override {
    return answer(*context, {Kind::model_metadata, request->name(), request->version()}, *response);
  }
  ServerUnaryReactor* ModelConfig(CallbackServerContext* context, const inference::ModelConfigRequest* request,
                                  inference::ModelConfigResponse* response) override {
    return answer(*context, {Kind::config, request->name(), request->version()}, *response->mutable_config());
  }
  ServerUnaryReactor* ModelStatistics(CallbackServerContext* context, const inference::ModelStatisticsRequest* request,
                                      inference::ModelStatisticsResponse* response) override {
    const Kind kind = request->name().empty() ? Kind::all_statistics : Kind::statistics;
    return answer(*context, {kind, request->name(), request->version()}, *response);
  }
  ServerUnaryReactor* RepositoryIndex(CallbackServerContext* context, const inference::RepositoryIndexRequest* request,
                                      inference::RepositoryIndexResponse* response) override {
    if (auto allowed = check_key(shared_, *context); !allowed) return finish(*context, status_of(allowed.error()));
    for (const Repository::Entry& entry : shared_.state.models.index(request->ready())) {
      auto& model = *response->add_models();
      model.set_name(entry.name);
      model.set_version(entry.version);
      model.set_state(std::string(state_name(entry)));
      model.set_reason(entry.reason);
    }
    return finish(*context, grpc::Status::OK);
  }
  ServerUnaryReactor* RepositoryModelLoad(CallbackServerContext* context,
                                          const inference::RepositoryModelLoadRequest* request,
                                          inference::RepositoryModelLoadResponse*) override {
    return change(*context, {.kind = Kind::load, .model = request->model_name()}, request->parameters());
  }
  ServerUnaryReactor* RepositoryModelUnload(CallbackServerContext* context,
                                            const inference::RepositoryModelUnloadRequest* request,
                                            inference::RepositoryModelUnloadResponse*) override {
    return change(*context, {.kind = Kind::unload, .model = request->model_name()}, request->parameters());
  }
  ServerUnaryReactor* ModelInfer(CallbackServerContext* context, const grpc::ByteBuffer* request,
                                 grpc::ByteBuffer* response) override {
    auto* call = new InferCall(shared_, others_, *context, *response);
    call->begin(*request);
    return call;
  }

 private:
  static ServerUnaryReactor* finish(CallbackServerContext& context, const grpc::Status& status) {
    ServerUnaryReactor* reactor = context.DefaultReactor();
    reactor->Finish(status);
    return reactor;
  }

  ServerUnaryReactor* answer(CallbackServerContext& context, const Route& route, google::protobuf::Message& response) {
    if (!is_open(route.kind)) {
      if (auto allowed = check_key(shared_, context); !allowed) return finish(context, status_of(allowed.error()));
    }
    const auto reply = answer_route(route, shared_.state);
    return finish(context, reply ? from_json(reply->body, response) : status_of(reply.error()));
  }

  template <class Parameters>
  ServerUnaryReactor* change(CallbackServerContext& context, const Route& route, const Parameters& parameters) {
    if (auto allowed = check_key(shared_, context); !allowed) return finish(context, status_of(allowed.error()));
    for (const auto& [name, value] : parameters) {
      const auto known = check_repository_parameter(route.kind, name);
      if (!known) return finish(context, status_of(known.error()));
    }
    ServerUnaryReactor* reactor = context.DefaultReactor();
    const auto counted = std::make_shared<Counted>(shared_.in_flight);
    asio::post(shared_.slow, [this, reactor, route, counted] {
      const Answer<void> done = change_models(route, shared_.state.models);
      reactor->Finish(done ? grpc::Status::OK : status_of(done.error()));
    });
    return reactor;
  }

  Shared& shared_;
  asio::thread_pool& others_;
};

// What gRPC has to say is said by the errors of calls; its lines on stderr would break into ours.
void be_quiet() {
  gpr_set_log_function([](gpr_log_func_args*) {});
}

// gRPC takes memory for each piece of a message and lets go of it. The C library would give it back to the system each
// time and take it again page by page: 30 to 90 page faults for a tensor of 602 kB. So it may keep some megabytes.
void keep_freed_memory() {
  constexpr int kMappedAlone = 4 << 20, kKept = 16 << 20;
  mallopt(M_MMAP_THRESHOLD, kMappedAlone);
  mallopt(M_TRIM_THRESHOLD, kKept);
}

std::shared_ptr<grpc::ServerCredentials> credentials_of(const Shared& shared) {
  if (shared.tls == nullptr) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions options;
  options.pem_key_cert_pairs.push_back({shared.tls_files.key, shared.tls_files.certificate});
  return grpc::SslServerCredentials(options);
}

std::string host_of(const std::string& address) {
  return address.find(':') == std::string::npos ? address : "[" + address + "]";
}

}  // namespace

struct GrpcServer::State {
  explicit State(Shared& shared_state) : service(shared_state, others) {}
  asio::thread_pool others{1};  // for what neither gRPC's threads nor the batcher's should wait for
  Service service;
  std::unique_ptr<grpc::Server> server;
  int port = 0;
  std::thread ending;
};

GrpcServer::GrpcServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

GrpcServer::~GrpcServer() {
  if (!state_->ending.joinable()) stop(std::chrono::seconds(0));
  join();
}

int GrpcServer::port() const { return state_->port; }

Result<std::unique_ptr<GrpcServer>> GrpcServer::start(Shared& shared) {
  const ServerOptions& options = shared.options;
  be_quiet();
  keep_freed_memory();
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  auto state = std::make_unique<State>(shared);
  grpc::ServerBuilder builder;
  const std::string endpoint = fmt::format("{}:{}", host_of(options.address), *options.grpc_port);
  builder.AddListeningPort(endpoint, credentials_of(shared), &state->port);
  builder.RegisterService(&state->service);
  constexpr std::size_t largest = std::numeric_limits<int>::max();
  builder.SetMaxReceiveMessageSize(static_cast<int>(std::min(options.max_request_bytes, largest)));
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // two servers on a port would share the requests
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, static_cast<int>(kMaxHeadBytes));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 256);
  // This gRPC inflates a message before it looks at its size: 64 MB of zeros that were packed would become 64 GB.
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  // Clients that are gone without a word: asked after a minute of silence, closed when they do not answer.
  const auto ms = [](auto time) { return static_cast<int>(std::chrono::milliseconds(time).count()); };
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, ms(kIdleTimeout));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, ms(kTransferTimeout));
  state->server = builder.BuildAndStart();
  if (state->server == nullptr || state->port == 0) {
    return fail(Error{.what = fmt::format("cannot listen on {} port {} for gRPC", options.address, *options.grpc_port),
                      .remedy = "choose another with --grpc-port; 0 takes any that is free, --no-grpc none"});
  }
  if (auto* health = state->server->GetHealthCheckService()) health->SetServingStatus(true);
  return std::unique_ptr<GrpcServer>(new GrpcServer(std::move(state)));
}

void GrpcServer::stop(std::chrono::seconds patience) {
  if (auto* health = state_->server->GetHealthCheckService()) health->SetServingStatus(false);
  state_->ending =
      std::thread([this, until = std::chrono::system_clock::now() + patience] { state_->server->Shutdown(until); });
}

void GrpcServer::join() {
  if (state_->ending.joinable()) state_->ending.join();
  state_->others.join();
}

}  // namespace smlp::server
