#include <fmt/format.h>

#include <memory>

#include "cli/command.h"

// Completion and the manual, made from what the program itself knows of its commands.

namespace worldshare::cli {
namespace {

/// A command with the words that lead to it: {"token", "create"}.
struct Known {
  std::vector<std::string> words;
  const CLI::App* app = nullptr;
};

void collect(const CLI::App& app, const std::vector<std::string>& words, std::vector<Known>& out) {
  out.push_back({words, &app});
  for (const CLI::App* below : app.get_subcommands({})) {
    auto longer = words;
    longer.push_back(below->get_name());
    collect(*below, longer, out);
  }
}

std::vector<Known> commands_of(const CLI::App& app) {
  std::vector<Known> out;
  collect(app, {}, out);
  return out;
}

std::string joined(const std::vector<std::string>& words, const char* between = " ") {
  return fmt::format("{}", fmt::join(words, between));
}

std::vector<std::string> flags_of(const CLI::App& app) {
  std::vector<std::string> out;
  for (const CLI::Option* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) out.push_back("--" + name);
    for (const auto& name : option->get_snames()) out.push_back("-" + name);
  }
  return out;
}

std::vector<std::string> names_below(const CLI::App& app) {
  std::vector<std::string> out;
  for (const CLI::App* below : app.get_subcommands({})) out.push_back(below->get_name());
  return out;
}

/// The words that were typed lead to a command; its commands, its options and files may follow.
std::string bash_completion(const CLI::App& app) {
  std::string out =
      "# worldshare completion bash > /etc/bash_completion.d/worldshare\n"
      "# in zsh: autoload -U bashcompinit && bashcompinit && source <(worldshare completion bash)\n"
      "_worldshare() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} path= i\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    [[ ${COMP_WORDS[i]} == -* ]] || path=\"$path ${COMP_WORDS[i]}\"\n"
      "  done\n"
      "  local words=\n"
      "  case $path in\n";
  const auto commands = commands_of(app);
  // The longest path first: what follows it are its arguments.
  for (auto known = commands.rbegin(); known != commands.rend(); ++known) {
    auto words = names_below(*known->app);
    const auto flags = flags_of(*known->app);
    words.insert(words.end(), flags.begin(), flags.end());
    const std::string path = known->words.empty() ? "" : " " + joined(known->words);
    out += fmt::format("    '{}'{}) words='{}' ;;\n", path,
                       known->words.empty() ? "" : " | '" + path + " '*", joined(words));
  }
  return out +
         "  esac\n"
         "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
         "  [[ $word == -* ]] || mapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY < <(compgen -f -- "
         "\"$word\")\n"
         "}\n"
         "complete -o filenames -F _worldshare worldshare\n";
}

std::string quoted_for_fish(std::string text) {
  for (std::size_t at = 0; (at = text.find_first_of("'\\", at)) != std::string::npos; at += 2)
    text.insert(at, "\\");
  return "'" + text + "'";
}

std::string fish_completion(const CLI::App& app) {
  std::string out = "# worldshare completion fish > ~/.config/fish/completions/worldshare.fish\n";
  for (const auto& known : commands_of(app)) {
    std::string when = "-n __fish_use_subcommand";
    if (!known.words.empty()) {
      when.clear();
      for (const auto& word : known.words)
        when += fmt::format(" -n '__fish_seen_subcommand_from {}'", word);
    }
    for (const CLI::App* below : known.app->get_subcommands({})) {
      out += fmt::format("complete -c worldshare {} -f -a {} -d {}\n", when, below->get_name(),
                         quoted_for_fish(below->get_description()));
    }
    for (const CLI::Option* option : known.app->get_options()) {
      for (const auto& name : option->get_lnames()) {
        out += fmt::format("complete -c worldshare {} -l {} -d {}\n", when, name,
                           quoted_for_fish(option->get_description()));
      }
    }
  }
  return out;
}

/// A line for roff: no line begins with a control character, and a minus is one.
std::string roff(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
  }
  return out.starts_with('.') || out.starts_with('\'') ? "\\&" + out : out;
}

std::string manual_of(const CLI::Option& option) {
  const bool is_flag = option.get_items_expected_max() == 0;
  // Behind the colon the library lists values as the program stores them.
  const std::string type = option.get_type_name().substr(0, option.get_type_name().find(':'));
  return fmt::format(
      ".TP\n\\fB{}\\fR{}\n{}{}\n", roff(option.get_name(false, true)),
      is_flag ? "" : " " + roff(type), roff(option.get_description()),
      option.get_default_str().empty() ? "" : " (" + roff(option.get_default_str()) + ")");
}

std::string manual(const CLI::App& app) {
  std::string out = fmt::format(
      ".TH WORLDSHARE 1 \"\" \"worldshare {}\" \"User Commands\"\n.SH NAME\nworldshare \\- {}\n"
      ".SH SYNOPSIS\n\\fBworldshare\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR]\n.SH COMMANDS\n",
      WORLDSHARE_VERSION, roff(app.get_description()));
  for (const auto& known : commands_of(app)) {
    if (known.words.empty()) continue;
    out += fmt::format(".SS worldshare {}\n{}\n", roff(joined(known.words)),
                       roff(known.app->get_description()));
    for (const CLI::Option* option : known.app->get_options()) {
      if (option->get_lnames() != std::vector<std::string>{"help"}) out += manual_of(*option);
    }
  }
  return out +
         ".SH EXIT STATUS\n.TP\n0\ndone\n.TP\n1\nnot every frame could be verified\n.TP\n2\nthe "
         "input or the "
         "options are wrong\n.TP\n3\na service or a program is missing or does not "
         "answer\n.TP\n130\ninterrupted\n"
         ".SH ENVIRONMENT\n.TP\n\\fBWORLDSHARE_SERVER\\fR\nthe dispatcher's address\n.TP\n"
         "\\fBWORLDSHARE_TOKEN\\fR, \\fBWORLDSHARE_TOKEN_FILE\\fR\nthe API token, or the file that "
         "holds it\n"
         ".TP\n\\fBWORLDSHARE_STATE\\fR\nwhere farms of this machine keep their state\n";
}

}  // namespace

Run add_completion(CLI::App& app) {
  auto shell = std::make_shared<std::string>();
  auto* command = app.add_subcommand("completion", "print the completion of a shell");
  command->add_option("shell", *shell, "bash (also for zsh) or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "fish"}));
  return [shell, &app](std::stop_token) {
    fmt::print("{}", *shell == "bash" ? bash_completion(app) : fish_completion(app));
    return kDone;
  };
}

Run add_man(CLI::App& app) {
  app.add_subcommand("man", "print the manual; 'worldshare man | man -l -' shows it");
  return [&app](std::stop_token) {
    fmt::print("{}", manual(app));
    return kDone;
  };
}

}  // namespace worldshare::cli
