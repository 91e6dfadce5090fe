#include "cli/core/screen.h"

#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string_view>

namespace godwit::cli {
namespace {

volatile std::sig_atomic_t g_stop = 0;
struct sigaction g_before[2];
constexpr int kSignals[2] = {SIGINT, SIGTERM};

extern "C" void ask_to_stop(int) {
  g_stop = 1;
}

void put(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

}  // namespace

Screen::Screen() {
  g_stop = 0;
  struct sigaction action = {};
  action.sa_handler = ask_to_stop;
  for (int i = 0; i < 2; ++i) sigaction(kSignals[i], &action, &g_before[i]);
  put("\x1b[?1049h\x1b[?25l");
  termios keyboard = {};
  if (tcgetattr(STDIN_FILENO, &keyboard) != 0) return;
  before_ = keyboard;
  // Keys come one by one and unseen; Ctrl-C stays a signal.
  keyboard.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  tcsetattr(STDIN_FILENO, TCSANOW, &keyboard);
}

Screen::~Screen() {
  if (before_) tcsetattr(STDIN_FILENO, TCSANOW, &*before_);
  put("\x1b[?25h\x1b[?1049l");
  for (int i = 0; i < 2; ++i) sigaction(kSignals[i], &g_before[i], nullptr);
}

void Screen::draw(std::vector<std::string> const& lines) {
  // One write, each line cleared behind its end rather than before it: no flicker.
  std::string out = "\x1b[H";
  for (size_t i = 0; i < lines.size(); ++i) {
    out += (i ? "\r\n" : "") + lines[i] + "\x1b[K";
  }
  put(out + "\x1b[J");
}

auto Screen::key() -> std::optional<char> {
  if (!before_) return std::nullopt;
  pollfd waiting = {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  char pressed = 0;
  if (poll(&waiting, 1, 0) != 1 || read(STDIN_FILENO, &pressed, 1) != 1) return std::nullopt;
  return pressed;
}

auto Screen::stop_asked() -> bool {
  return g_stop != 0;
}

}  // namespace godwit::cli
