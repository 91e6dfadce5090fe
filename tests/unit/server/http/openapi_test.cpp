// The description of the interface and the routing table must say the same.
#include "server/http/openapi.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "server/http/api.h"

namespace godwit::server {
namespace {

/// Adding routes only captures the Api; the service is never called.
auto routes() -> std::vector<Route> {
  Metrics metrics;
  alignas(void*) static char nobody[sizeof(void*)];
  Api api{reinterpret_cast<Service&>(nobody), metrics, "", "", 0, {}};
  auto all = operator_routes(api).routes();
  auto const devices = device_routes(api).routes();
  all.insert(all.end(), devices.begin(), devices.end());
  return all;
}

auto lower(std::string text) -> std::string {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

class OpenApi : public testing::Test {
 protected:
  OpenApi() : document_(*Json::parse(openapi_document())) {}
  Json document_;
};

TEST_F(OpenApi, DocumentsExactlyTheRoutes) {
  std::set<std::string> routed;
  for (auto const& route : routes()) routed.insert(lower(route.method) + " " + route.pattern);
  std::set<std::string> documented;
  for (auto const& [path, operations] : document_.find("paths")->members())
    for (auto const& [method, operation] : operations.members())
      documented.insert(method + " " + path);
  EXPECT_EQ(routed, documented);
}

TEST_F(OpenApi, EveryOperationSaysWhatItTakesAndGives) {
  std::set<std::string> ids;
  for (auto const& [path, operations] : document_.find("paths")->members())
    for (auto const& [method, operation] : operations.members()) {
      auto const name = method + " " + path;
      EXPECT_TRUE(operation.get_string("summary")) << name;
      auto const id = operation.get_string("operationId");
      ASSERT_TRUE(id) << name;
      EXPECT_TRUE(ids.insert(*id).second) << *id;
      ASSERT_TRUE(operation.find("responses")) << name;
      EXPECT_TRUE(operation.find("responses")->find("default")) << name;
      for (size_t brace = path.find('{'); brace != std::string::npos;
           brace = path.find('{', brace + 1)) {
        auto const parameter = path.substr(brace + 1, path.find('}', brace) - brace - 1);
        bool found = false;
        for (auto const& one : operation.find("parameters")->items())
          found = found || one.get_string_or("name", "").value_or("") == parameter;
        EXPECT_TRUE(found) << name << " does not describe " << parameter;
      }
    }
}

TEST_F(OpenApi, AccessIsDocumentedAsItIs) {
  for (auto const& route : routes()) {
    auto const* operation = document_.find("paths")->find(route.pattern)->find(lower(route.method));
    ASSERT_TRUE(operation) << route.pattern;
    auto const* security = operation->find("security");
    std::string scheme = "bearer";
    if (security && security->items().empty()) scheme = "none";
    if (security && !security->items().empty())
      scheme = security->items()[0].members().begin()->first;
    auto const* expected = route.access == Access::open     ? "none"
                           : route.access == Access::device ? "deviceCertificate"
                                                            : "bearer";
    EXPECT_EQ(scheme, expected) << route.method << " " << route.pattern;
    EXPECT_EQ(operation->get_string_or("x-role", "").value_or(""), role_needed(route.access))
        << route.method << " " << route.pattern;
  }
}

void check_references(Json const& node, Json const& document) {
  if (auto const* reference = node.find("$ref")) {
    auto const text = *reference->as_string();
    ASSERT_TRUE(text.starts_with("#/")) << text;
    auto const* target = &document;
    for (size_t begin = 2; target && begin <= text.size();) {
      auto const end = std::min(text.find('/', begin), text.size());
      target = target->find(text.substr(begin, end - begin));
      begin = end + 1;
    }
    EXPECT_TRUE(target) << text;
  }
  for (auto const& [key, child] : node.members()) check_references(child, document);
  for (auto const& child : node.items()) check_references(child, document);
}

TEST_F(OpenApi, EveryReferenceLeadsSomewhere) {
  check_references(document_, document_);
}

}  // namespace
}  // namespace godwit::server
