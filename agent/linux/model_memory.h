// The Memory port: pages of their own for the plaintext of models. Where models lie sealed these
// are locked (never on a swap device), left out of dumps, and overwritten before they go.
#pragma once

#include "agent/core/ports.h"

namespace godwit::agent {

class ModelMemory : public Memory {
 public:
  /// `secret`: locked, not dumped, overwritten; otherwise ordinary pages.
  explicit ModelMemory(bool secret) : secret_(secret), locked_(secret) {}

  auto secret() const -> bool { return secret_; }
  auto take(uint64_t size_bytes) -> Result<Plaintext> override;
  /// Parts of `plain` that nothing reads from now on go back to the system, in whole pages. Of a
  /// mapped file all pages do: what is read once more comes back.
  void give_back(Plaintext const& plain, std::vector<ByteView> const& parts) const;

  /// False once pages could not be locked: they are used all the same, and the log says so once.
  auto locked() const -> bool { return locked_; }

 private:
  void give_back_part(Plaintext const& plain, ByteView part) const;

  bool secret_;
  bool locked_;
};

/// No dump of this process is written, and nobody but the superuser looks into it.
void forbid_dumps();

}  // namespace godwit::agent
