#include "apps/task_flags.h"

#include <utility>

#include "core/option_table.h"

namespace concertina {

TaskOptions task_options(const std::vector<std::string>& tasks, const CLI::App& verb,
                         const Globals& globals, TaskOptions defaults) {
  ConfigFile file = ConfigFile::parse("{}", "--set");
  for (const std::string& assignment : globals.set) file.set(assignment);
  TaskOptions options = std::move(defaults);
  options.tasks = task_names();
  task_table().read(file.root().section("tasks"), options);
  file.finish();
  const bool all = tasks == std::vector<std::string>{"all"};
  if (verb.count("--tasks") > 0) options.tasks = all ? task_names() : tasks;
  return options;
}

}  // namespace concertina
