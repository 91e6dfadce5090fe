// Certificates for tests: P-256, valid for a day, made in memory.
#pragma once

#include <filesystem>
#include <string>

namespace godwit::test {

struct Credentials {
  std::string certificate;  // PEM
  std::string key;          // PEM

  /// Writes NAME.crt and NAME.key.
  void write(std::filesystem::path const& folder, std::string const& name) const;
};

auto make_ca(std::string const& name) -> Credentials;
/// A leaf for that common name; `server` adds localhost and 127.0.0.1 as names.
auto issue(Credentials const& ca, std::string const& name, bool server = false) -> Credentials;
/// A new P-256 key in PEM, and a request for a certificate over it.
auto make_key() -> std::string;
auto make_csr(std::string const& key, std::string const& name) -> std::string;

void write_file(std::filesystem::path const& path, std::string const& text);

}  // namespace godwit::test
