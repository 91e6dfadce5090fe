// A TLS server that answers each connection with bytes from a script, right or wrong: the one thing
// that a real server cannot be asked for. Only for the HTTP client's own tests.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/pki.h"

namespace godwit::test {

struct Scripted {
  std::string answer;     // raw bytes
  bool read_body = true;  // else it answers as soon as the header is there
  bool goodbye = true;    // closes TLS properly
  int hold_ms = 0;        // keeps the connection open so long after the answer
};

class ScriptedServer {
 public:
  /// The n-th connection gets the n-th answer, later ones the last.
  ScriptedServer(Credentials const& own, std::vector<Scripted> script);
  ~ScriptedServer();
  ScriptedServer(ScriptedServer const&) = delete;
  auto operator=(ScriptedServer const&) -> ScriptedServer& = delete;

  auto port() const -> uint16_t;
  /// What came, one text of header and body for each connection whose TLS succeeded.
  auto requests() const -> std::vector<std::string>;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// An answer with that status and body, its length, and `headers` (each ending in CRLF).
auto http(int status, std::string const& body, std::string const& headers = "") -> std::string;

}  // namespace godwit::test
