#include "server/routes.h"

#include <gtest/gtest.h>

namespace smlp::server {
namespace {

using Kind = Route::Kind;

TEST(FindRoute, KnowsEveryPathOfTheProtocol) {
  const struct {
    std::string_view method, target;
    Kind kind;
    std::string_view model = {}, version = {};
  } cases[] = {
      {"GET", "/", Kind::page},
      {"GET", "/openapi.json", Kind::openapi},
      {"GET", "/metrics", Kind::metrics},
      {"GET", "/v2", Kind::server_metadata},
      {"GET", "/v2/", Kind::server_metadata},
      {"GET", "/v2/health/live", Kind::live},
      {"GET", "http://host:8000/v2/health/live", Kind::live},
      {"GET", "https://host?x", Kind::page},
      {"HEAD", "/v2/health/ready", Kind::ready},
      {"GET", "/v2/models/stats", Kind::all_statistics},
      {"GET", "/v2/models/m", Kind::model_metadata, "m"},
      {"GET", "/v2/models/m/versions/2", Kind::model_metadata, "m", "2"},
      {"GET", "/v2/models/m/ready?x=1#y", Kind::model_ready, "m"},
      {"GET", "/v2/models/m/versions/2/ready", Kind::model_ready, "m", "2"},
      {"GET", "/v2/models/a%2Fb%20c/config", Kind::config, "a/b c"},
      {"GET", "/v2/models/m/versions/2/config", Kind::config, "m", "2"},
      {"GET", "/v2/models/m/stats", Kind::statistics, "m"},
      {"GET", "/v2/models/m/versions/2/stats", Kind::statistics, "m", "2"},
      {"POST", "/v2/models/m/infer", Kind::infer, "m"},
      {"POST", "/v2/models/m/versions/2/infer", Kind::infer, "m", "2"},
      {"POST", "/v2/repository/index", Kind::index},
      {"POST", "/v2/repository/models/m/load", Kind::load, "m"},
      {"POST", "/v2/repository/models/m/unload", Kind::unload, "m"},
  };
  for (const auto& one : cases) {
    std::string allow;
    const auto route = find_route(one.method, one.target, allow);
    ASSERT_TRUE(route) << one.target << ": " << route.error().message;
    EXPECT_EQ(route->kind, one.kind) << one.target;
    EXPECT_EQ(route->model, one.model) << one.target;
    EXPECT_EQ(route->version, one.version) << one.target;
  }
}

TEST(FindRoute, RefusesByStatus) {
  const struct {
    std::string_view method, target;
    int status;
    std::string_view allow = {};
  } cases[] = {
      {"GET", "/v3", 404},
      {"GET", "/v2/health", 404},
      {"GET", "/v2/models", 404},
      {"POST", "/v2/models/m/versions/2/versions/3/infer", 404},
      {"GET", "/v2/models/m/infer", 405, "POST"},
      {"POST", "/v2/models/m", 405, "GET, HEAD"},
      {"DELETE", "/", 405, "GET, HEAD"},
      {"HEAD", "/v2/repository/index", 405, "POST"},
      {"GET", "", 400},
      {"GET", "v2", 400},
      {"GET", "http://host/v3", 404},
      {"GET", "http://host/%zz", 400},
      {"GET", "ftp://host/v2", 400},
      {"GET", "/v2/models/%", 400},
      {"GET", "/v2/models/%4", 400},
      {"GET", "/v2/models/%zz", 400},
      {"GET", "/a/b/c/d/e/f/g/h/i", 400},
  };
  for (const auto& one : cases) {
    std::string allow;
    const auto route = find_route(one.method, one.target, allow);
    ASSERT_FALSE(route) << one.target;
    EXPECT_EQ(route.error().status, one.status) << one.target;
    EXPECT_EQ(allow, one.allow) << one.target;
  }
}

TEST(FindRoute, AnAnswerRepeatsNoControlCharacterAndNoLongPath) {
  std::string allow;
  const auto route = find_route("GET", "/\x1b[31m" + std::string(10'000, 'a'), allow);
  ASSERT_FALSE(route);
  EXPECT_EQ(route.error().message.find('\x1b'), std::string::npos);
  EXPECT_LT(route.error().message.size(), 200u);
}

TEST(IsOpen, WithoutAKeyNobodySeesModelsOrChangesThem) {
  for (const Kind kind : {Kind::live, Kind::ready, Kind::page, Kind::openapi}) EXPECT_TRUE(is_open(kind));
  for (const Kind kind :
       {Kind::metrics, Kind::server_metadata, Kind::model_metadata, Kind::model_ready, Kind::infer, Kind::config,
        Kind::statistics, Kind::all_statistics, Kind::index, Kind::load, Kind::unload}) {
    EXPECT_FALSE(is_open(kind));
  }
}

}  // namespace
}  // namespace smlp::server
