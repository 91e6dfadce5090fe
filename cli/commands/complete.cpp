#include "cli/commands/complete.h"

#include <algorithm>
#include <array>

namespace godwit::cli {
namespace {

/// Where the finished words lead.
struct Place {
  CLI::App const* command = nullptr;
  CLI::Option const* option = nullptr;  // whose value comes next
  bool positionals_only = false;        // after --
};

auto subcommands(CLI::App const& command) -> std::vector<CLI::App const*> {
  auto all = command.get_subcommands([](CLI::App const* sub) { return !sub->get_group().empty(); });
  return {all.begin(), all.end()};
}

auto takes_value(CLI::Option const& option) -> bool {
  return option.get_items_expected_max() > 0;
}

/// An option of this command or, as the parser falls through to them, of those above it.
auto find_option(CLI::App const* command, std::string const& word) -> CLI::Option const* {
  for (; command; command = command->get_parent())
    for (CLI::Option const* option : command->get_options())
      if (!option->get_positional() && option->check_name(word)) return option;
  return nullptr;
}

void add_option_names(Completion& out, CLI::App const* command, std::string const& prefix) {
  for (; command; command = command->get_parent())
    for (CLI::Option const* option : command->get_options()) {
      if (option->get_positional() || option->get_group().empty()) continue;
      for (auto const& name : option->get_lnames())
        if (("--" + name).starts_with(prefix))
          out.candidates.push_back({"--" + name, option->get_description()});
    }
}

/// The values of an option are known when its type reads like "stop|rollback".
void add_values(Completion& out, CLI::Option const& option, std::string const& prefix) {
  auto const type = option.get_type_name();
  if (type.find('|') == std::string::npos) {
    out.kind = type;
    return;
  }
  for (size_t start = 0; start <= type.size();) {
    size_t const bar = std::min(type.find('|', start), type.size());
    if (auto value = type.substr(start, bar - start); value.starts_with(prefix))
      out.candidates.push_back({std::move(value), ""});
    start = bar + 1;
  }
}

/// The name of the positional argument that comes next.
auto next_positional(CLI::App const& command, size_t given) -> std::string {
  std::string last;
  for (CLI::Option const* option : command.get_options()) {
    if (!option->get_positional()) continue;
    last = option->get_name(true);
    auto const most = static_cast<size_t>(option->get_items_expected_max());
    if (given < most) return last;
    given -= most;
  }
  return "";
}

void step(Place& place, Completion& out, std::string const& word) {
  if (place.option) {
    if (!place.option->get_lnames().empty()) out.options[place.option->get_lnames().front()] = word;
    place.option = nullptr;
  } else if (word == "--") {
    place.positionals_only = true;
  } else if (!place.positionals_only && word.size() > 1 && word.front() == '-') {
    auto const* option = find_option(place.command, word.substr(0, word.find('=')));
    bool const has_value = word.find('=') != std::string::npos;
    if (option && takes_value(*option) && !has_value) place.option = option;
  } else {
    for (auto const* sub : subcommands(*place.command))
      if (out.positionals.empty() && sub->get_name() == word) {
        place.command = sub;
        return;
      }
    out.positionals.push_back(word);
  }
}

}  // namespace

auto complete(CLI::App const& program, std::vector<std::string> const& words) -> Completion {
  Completion out;
  Place place{.command = &program};
  for (size_t i = 0; i + 1 < words.size(); ++i) step(place, out, words[i]);
  auto const prefix = words.empty() ? "" : words.back();
  if (place.option) {
    add_values(out, *place.option, prefix);
  } else if (!place.positionals_only && prefix.starts_with('-')) {
    add_option_names(out, place.command, prefix);
  } else {
    for (auto const* sub : subcommands(*place.command))
      if (out.positionals.empty() && sub->get_name().starts_with(prefix))
        out.candidates.push_back({sub->get_name(), sub->get_description()});
    out.kind = next_positional(*place.command, out.positionals.size());
  }
  return out;
}

}  // namespace godwit::cli
