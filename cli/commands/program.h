// The command tree of `godwit`. A group of commands is one file with one function
// add_NAME_commands, declared and listed here and nowhere else.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <functional>
#include <string>
#include <vector>

#include "cli/core/context.h"

namespace godwit::cli {

using AddCommands = void (*)(CLI::App& app, Context& context);

void add_completion_commands(CLI::App& app, Context& context);
void add_context_commands(CLI::App& app, Context& context);
void add_delta_commands(CLI::App& app, Context& context);
void add_delta_request_commands(CLI::App& app, Context& context);
void add_device_commands(CLI::App& app, Context& context);
void add_enrolment_commands(CLI::App& app, Context& context);
void add_filter_commands(CLI::App& app, Context& context);
void add_keys_commands(CLI::App& app, Context& context);
void add_model_commands(CLI::App& app, Context& context);
void add_model_compile_commands(CLI::App& app, Context& context);
void add_push_commands(CLI::App& app, Context& context);
void add_release_commands(CLI::App& app, Context& context);
void add_release_sign_commands(CLI::App& app, Context& context);
void add_rollout_commands(CLI::App& app, Context& context);
void add_rollout_create_commands(CLI::App& app, Context& context);
void add_status_commands(CLI::App& app, Context& context);
void add_version_commands(CLI::App& app, Context& context);

/// In the order of `godwit --help`.
// clang-format off
inline constexpr AddCommands kGroups[] = {
    add_keys_commands,
    add_model_compile_commands,
    add_model_commands,
    add_delta_commands,
    add_delta_request_commands,
    add_release_sign_commands,
    add_push_commands,
    add_release_commands,
    add_rollout_create_commands,
    add_rollout_commands,
    add_device_commands,
    add_filter_commands,
    add_enrolment_commands,
    add_context_commands,
    add_status_commands,
    add_completion_commands,
    add_version_commands,
};
// clang-format on

/// Names, global flags, and every group.
void build_program(CLI::App& app, Context& context);

/// The group `name` of `app` ("release"), made when it is not there yet, so that several files can
/// add commands to it. It needs a command of its own.
auto group(CLI::App& app, std::string const& name, std::string const& description) -> CLI::App*;

/// A command line option that takes one of `values`, which completion then knows.
void choice(CLI::Option* option, std::vector<std::string> const& values);

/// What `command` does once the whole command line is parsed. Its options live in a
/// std::shared_ptr that `work` holds.
void does(CLI::App* command, Context& context, std::function<Result<>()> work);

}  // namespace godwit::cli
