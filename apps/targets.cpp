// concertina targets: the caches of teacher targets in a run's folder.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "apps/verb.h"
#include "core/errors.h"
#include "distill/data/cache_files.h"

namespace concertina {
namespace {

using Json = nlohmann::ordered_json;

struct TargetsArgs {
  std::string run;
  bool all = false;
};

std::string users_of(const CacheFile& file) {
  if (!file.complete) return "not complete";
  return file.used_by.empty() ? "not used" : fmt::format("{}", fmt::join(file.used_by, ", "));
}

void print_files(const std::vector<CacheFile>& files, const Globals& globals) {
  if (globals.json) {
    Json json = Json::array();
    for (const CacheFile& file : files) {
      json.push_back({{"path", file.path.string()},
                      {"bytes", file.bytes},
                      {"complete", file.complete},
                      {"used_by", file.used_by}});
    }
    return fmt::print("{}\n", json.dump());
  }
  for (const CacheFile& file : files) {
    fmt::print("{:>8.2f} GB  {:<14} {}\n", static_cast<double>(file.bytes) * 1e-9, users_of(file),
               file.path.string());
  }
}

void expect_run(const std::string& run) {
  if (!std::filesystem::is_directory(run)) throw SystemError(run + " is not the folder of a run");
}

void remove_files(const TargetsArgs& args, const Globals& globals) {
  expect_run(args.run);
  const std::vector<CacheFile> files =
      args.all ? cache_files(args.run) : unused_cache_files(args.run);
  for (const CacheFile& file : files) remove_cache_file(file);
  print_files(files, globals);
}

}  // namespace

void add_targets_verbs(CLI::App& app, Globals& globals) {
  CLI::App* group =
      app.add_subcommand("targets", "list or remove a run's caches of teacher targets");
  group->require_subcommand(1);
  const auto args = std::make_shared<TargetsArgs>();
  CLI::App* list = group->add_subcommand("list", "size of each cache, and which stages read it");
  list->footer("Example:\n  concertina targets list runs/quickstart");
  list->add_option("RUN", args->run, "folder of the run (--out)")->required();
  list->callback([args, &globals] {
    expect_run(args->run);
    print_files(cache_files(args->run), globals);
  });
  CLI::App* remove = group->add_subcommand("remove", "remove the caches that no stage reads");
  remove->footer(
      "Examples:\n  concertina targets remove runs/quickstart\n"
      "  concertina targets remove runs/quickstart --all");
  remove->add_option("RUN", args->run, "folder of the run (--out)")->required();
  remove->add_flag("--all", args->all,
                   "also those that stages read: they are computed again on demand");
  remove->callback([args, &globals] { remove_files(*args, globals); });
}

}  // namespace concertina
