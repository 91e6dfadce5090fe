// godwit completion bash|zsh|fish: scripts for shells. Each asks `godwit __complete`, which reads
// the tree of commands and, for names, the server: so that no script is ever out of date.
#include <array>

#include "cli/client/servers.h"
#include "cli/commands/complete.h"
#include "cli/commands/options.h"
#include "cli/view/fields.h"

namespace godwit::cli {
namespace {

constexpr char kBash[] = R"(# bash completion of godwit: source <(godwit completion bash)
_godwit() {
  local line description
  COMPREPLY=()
  while IFS=$'\t' read -r line description; do
    if [[ $line == :files ]]; then
      compopt -o default
    else
      COMPREPLY+=("$line")
    fi
  done < <("${COMP_WORDS[0]}" __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _godwit godwit
)";

constexpr char kZsh[] = R"(#compdef godwit
# zsh completion of godwit: source <(godwit completion zsh), after compinit
_godwit() {
  local line
  local -a candidates
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      _files
    else
      candidates+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
    fi
  done < <("${words[1]}" __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)
  ((${#candidates})) && _describe godwit candidates
}
if [[ ${funcstack[1]} == _godwit ]]; then _godwit "$@"; else compdef _godwit godwit; fi
)";

constexpr char kFish[] = R"(# fish completion of godwit: godwit completion fish | source
function __godwit_complete
  set -l before (commandline -opc)
  set -l current (commandline -ct)
  for line in ($before[1] __complete -- $before[2..-1] "$current" 2>/dev/null)
    if test "$line" = :files
      __fish_complete_path "$current"
    else
      echo $line
    end
  end
end
complete -c godwit -f -a '(__godwit_complete)'
)";

/// Kinds of arguments whose values nobody can list; every other kind that is not a name on the
/// server may be a file.
constexpr std::array<std::string_view, 14> kFree = {
    "NAME", "N",   "TIME",    "PERCENT",    "LIST", "FIQL", "TAG",
    "ID",   "URL", "CHANNEL", "NAME=VALUE", "INT",  "UINT", "FLOAT"};

struct Names {
  std::string_view kind;
  std::string path;
  char const* name;
  char const* description;
};

auto saved_names() -> Result<std::vector<Candidate>> {
  TRY(auto const path, servers_path(process_environment));
  TRY(auto const saved, load_servers(path));
  std::vector<Candidate> out;
  for (auto const& [name, server] : saved.servers) out.push_back({name, server.server});
  return out;
}

/// Names that the server knows. Nothing, when it cannot be asked quickly: completing must not hang.
auto server_names(Context& context, Completion const& place) -> Result<std::vector<Candidate>> {
  auto const model = place.positionals.empty() ? "" : place.positionals.front();
  Names const all[] = {
      {"MODEL", "/api/v1/models", "name", "kind"},
      {"VERSION", model_path(model) + "/releases", "version", "notes"},
      {"DEVICE", "/api/v1/devices", "id", "hardware_id"},
      {"ROLLOUT", "/api/v1/rollouts", "id", "name"},
      {"FILTER", "/api/v1/filters", "name", "query"},
  };
  std::vector<Candidate> out;
  for (auto const& names : all) {
    if (names.kind != place.kind) continue;
    TRY(auto const api, Api::connect(context));
    TRY(auto const items, api.hurried().list(names.path, 500));
    for (Json const& item : items.items())
      out.push_back({text(item, names.name), text(item, names.description)});
    return out;
  }
  return out;
}

auto is_server_kind(std::string_view kind) -> bool {
  constexpr std::array<std::string_view, 5> kKinds = {"MODEL", "VERSION", "DEVICE", "ROLLOUT",
                                                      "FILTER"};
  return std::find(kKinds.begin(), kKinds.end(), kind) != kKinds.end();
}

auto one_line(std::string line) -> std::string {
  for (char& c : line)
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  return line;
}

auto print_candidates(CLI::App const& app, Context& context, std::vector<std::string> const& words)
    -> Result<> {
  auto place = complete(app, words);
  for (auto const& [name, target] : {std::pair{"server", &context.server},
                                     {"context", &context.context_name},
                                     {"ca", &context.ca},
                                     {"token-file", &context.token_file}})
    if (auto const given = place.options.find(name); given != place.options.end())
      *target = given->second;

  Result<std::vector<Candidate>> names = std::vector<Candidate>();
  if (place.kind == "CONTEXT") names = saved_names();
  if (is_server_kind(place.kind)) names = server_names(context, place);
  auto const prefix = words.empty() ? "" : words.back();
  if (names)
    for (auto& name : *names)
      if (name.text.starts_with(prefix)) place.candidates.push_back(std::move(name));

  for (auto const& [text, description] : place.candidates)
    context.out << one_line(text) << '\t' << one_line(description) << '\n';
  bool const free = place.kind.empty() || place.kind == "CONTEXT" || is_server_kind(place.kind) ||
                    std::find(kFree.begin(), kFree.end(), place.kind) != kFree.end();
  if (!free) context.out << ":files\n";
  return {};
}

}  // namespace

void add_completion_commands(CLI::App& app, Context& context) {
  auto* scripts = group(app, "completion", "Completion for your shell");
  static constexpr char const* kShells[][3] = {
      {"bash", kBash, "Print it: source <(godwit completion bash)"},
      {"zsh", kZsh, "Print it: source <(godwit completion zsh)"},
      {"fish", kFish, "Print it: godwit completion fish | source"}};
  for (auto const& [shell, script, description] : kShells)
    does(scripts->add_subcommand(shell, description), context,
         [&context, text = script]() -> Result<> {
           context.out << text;
           return {};
         });

  auto const words = std::make_shared<std::vector<std::string>>();
  auto* hidden = app.add_subcommand("__complete", "What may stand next")->group("");
  hidden->add_option("WORDS", *words, "what follows godwit, with the unfinished word");
  does(hidden, context, [&app, &context, words] { return print_candidates(app, context, *words); });
}

}  // namespace godwit::cli
