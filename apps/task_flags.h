// Options of the proxy tasks from --tasks and --set, for verbs that read no pipeline file.
#pragma once

#include <string>
#include <vector>

#include "apps/verb.h"
#include "eval/options.h"

namespace concertina {

// `defaults`, then what --set says of section `tasks`, then --tasks, where it is given: "all" or
// names. Without either, all tasks.
TaskOptions task_options(const std::vector<std::string>& tasks, const CLI::App& verb,
                         const Globals& globals, TaskOptions defaults = {});

}  // namespace concertina
