// godwit-agent: the program on the device. run, enrol, status, self-test (docs/agent-linux.md).
#include <sys/resource.h>
#include <sys/signalfd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "agent/engine/engine.h"
#include "agent/linux/file_store.h"
#include "agent/linux/model_memory.h"
#include "agent/linux/self_test_child.h"
#include "agent/main/agent.h"
#include "proto/base/limits.h"

namespace {

using namespace godwit;
using namespace godwit::agent;

constexpr char const* kHelp =
    "Usage: godwit-agent COMMAND [OPTIONS]\n"
    "\n"
    "Commands:\n"
    "  run --config FILE              enrol if needed, then work until SIGTERM\n"
    "  enrol --config FILE            get an identity and stop\n"
    "  status --config FILE [--json]  what this device runs and works on\n"
    "  self-test MODEL                run a model's golden check (exit code 6: it differs)\n"
    "\n"
    "  --help, --version\n"
    "\n"
    "GODWIT_ENGINE_PATH chooses the engine's instruction set: portable and what docs/engine.md "
    "lists.\n";

constexpr int kUsage = 2;

auto exit_code(Error const& error) -> int {
  switch (error.code) {
    case Code::denied:
      return 4;
    case Code::conflict:
      return 7;
    default:
      return 1;
  }
}

auto fail(Error const& error) -> int {
  std::fprintf(stderr, "godwit-agent: %s\n", error.what.c_str());
  return exit_code(error);
}

/// Readable once somebody asks us to stop.
auto stop_signals() -> FileDescriptor {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return FileDescriptor(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

/// Which instruction set the engine uses: a way to find out whether one of them is to blame.
auto engine_options() -> engine::EngineOptions {
  auto const* const path = std::getenv("GODWIT_ENGINE_PATH");
  return {.path = path ? path : ""};
}

auto self_test(char const* path) -> int {
  if (auto const* text = std::getenv("GODWIT_SELF_TEST_MEMORY")) {
    auto const bytes = static_cast<rlim_t>(std::strtoull(text, nullptr, 10));
    rlimit const limit{bytes, bytes};
    if (::setrlimit(RLIMIT_AS, &limit) != 0) return fail(from_errno(errno, "memory limit"));
    rlimit const no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
  }
  // The agent's shared copy is used where it lies; any other file likewise.
  auto const model = map_file(path, limits::kModelBytesMax);
  if (!model) return fail(model.error());
  forbid_dumps();
  auto const checked = engine::check_golden(model->view(), engine_options());
  if (checked) return kSelfTestGood;
  // Only what was compared may be called different: there may not have been the memory to run.
  if (checked.error().code != Code::corrupt) return fail(checked.error());
  std::fprintf(stderr, "godwit-agent: %s\n", checked.error().what.c_str());
  return kSelfTestDiffers;
}

auto print_status(AgentConfig const& config, bool json) -> int {
  auto const status = read_status(config);
  if (!status) return fail(status.error());
  if (json) {
    std::puts(status->dump(2).c_str());
    return 0;
  }
  std::printf(
      "device     %s\nbroker     %s\n", status->get_string_or("device_id", "").value_or("").c_str(),
      status->get_bool_or("connected", false).value_or(false) ? "connected" : "not connected");
  if (auto const* components = status->find("components"))
    for (auto const& [name, slots] : components->members())
      for (auto const* slot : {"running", "other"})
        if (auto const* content = slots.find(slot); content && content->is_object())
          std::printf("%-10s %s %s\n", name.c_str(), slot,
                      content->get_string_or("version", "").value_or("").c_str());
  if (auto const* attempt = status->find("attempt"); attempt && attempt->is_object())
    std::printf("attempt    %s %s\n", attempt->get_string_or("state", "").value_or("").c_str(),
                attempt->get_string_or("message", "").value_or("").c_str());
  return 0;
}

auto usage(char const* why) -> int {
  std::fprintf(stderr, "godwit-agent: %s\n\n%s", why, kHelp);
  return kUsage;
}

}  // namespace

auto main(int count, char** words) -> int {
  std::string_view const command = count > 1 ? words[1] : "";
  if (command == "--help" || command == "-h") return std::fputs(kHelp, stdout) < 0;
  if (command == "--version") return std::puts("godwit-agent " GODWIT_VERSION) < 0;
  if (command == "self-test") return count == 3 ? self_test(words[2]) : usage("self-test MODEL");
  if (command != "run" && command != "enrol" && command != "status")
    return usage("no such command");
  char const* path = nullptr;
  bool json = false;
  for (int i = 2; i < count; ++i) {
    if (std::strcmp(words[i], "--config") == 0 && i + 1 < count)
      path = words[++i];
    else if (command == "status" && std::strcmp(words[i], "--json") == 0)
      json = true;
    else
      return usage(words[i]);
  }
  if (!path) return usage("--config FILE is missing");
  auto const config = load_config(path, engine::kEngineVersion);
  if (!config) return fail(config.error());
  set_log_level(config->log_level);
  if (command == "status") return print_status(*config, json);
  auto const stop = stop_signals();
  auto const done = command == "run" ? run_agent(*config, engine_options(), stop.get())
                                     : ensure_enrolled(*config, stop.get());
  return done ? 0 : fail(done.error());
}
