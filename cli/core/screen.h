// The alternate screen of a terminal, for a live view: drawn over and over, gone without a trace
// when it closes, however the program ends. Reads single keys.
#pragma once

#include <termios.h>

#include <optional>
#include <string>
#include <vector>

namespace godwit::cli {

class Screen {
 public:
  Screen();
  ~Screen();
  Screen(Screen const&) = delete;
  auto operator=(Screen const&) -> Screen& = delete;

  /// Replaces what is shown. Lines must fit the terminal.
  void draw(std::vector<std::string> const& lines);
  /// A key that was pressed since, if any; does not wait.
  auto key() -> std::optional<char>;
  /// Whether the person has asked to stop (Ctrl-C, or SIGTERM). Such a signal does not end the
  /// process while a Screen is open.
  static auto stop_asked() -> bool;

 private:
  std::optional<termios> before_;  // of the keyboard, if there is one
};

}  // namespace godwit::cli
