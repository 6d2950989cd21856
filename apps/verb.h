// What every verb file shares: the global flags and how a verb is registered.
//
// A verb file defines one `void add_X_verbs(CLI::App& app, Globals& globals)` that registers
// subcommands with help and an example in the footer; the callback runs the verb. Results go to
// stdout, the log and the progress bar to stderr. Failures are thrown (core/errors.h);
// run_guarded() maps them to exit codes.
#pragma once

#include <c10/core/Device.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "apps/options.h"
#include "core/config.h"
#include "core/launch.h"
#include "core/stop.h"
#include "pipeline/run_context.h"

namespace concertina {

struct Globals {
  std::vector<std::string> set;  // --set a.b=c
  int32_t threads = 0;           // --threads; 0: all, or this process's share of them
  std::string device = "cpu";    // --device cpu|cuda[:i]
  bool deterministic = false;
  uint64_t seed = 0;  // --seed
  bool seed_given = false;
  std::string log_level = "info";
  bool quiet = false;
  bool json = false;  // --json
  StopToken stop;
  PathOptions paths;  // which options name files
  Launch launch;      // which process of a parallel run this is; for pretrain and train
};

// The device of --device, made the current one; `cuda` is the one of this process's local rank.
// InputError when there is no such device, SystemError when there is none at all.
at::Device device_of(const Globals& globals);

RunContext run_context(const Globals& globals);

// Loads a config file and applies --set and --seed, in this order.
ConfigFile load_config(const std::string& path, const Globals& globals);

// Registers the flags above (accepted before and after the verb) and applies them before the verb's
// callback runs.
void add_global_flags(CLI::App& app, Globals& globals);
// Runs `body` (which parses and so runs a verb) and maps what it throws, and a failure to write to
// standard output, to one line on stderr and an exit code.
int run_guarded(CLI::App& app, const std::function<void()>& body);

// What --arch takes in every verb (supernet/space/resolve.h).
inline constexpr const char* kArchitectureHelp =
    "key of a member, smallest, default, largest, whole (everything that the file stores) or "
    "@file.json";
// The program with all its verbs; `globals` outlives it.
std::unique_ptr<CLI::App> make_program(Globals& globals);

// Call first: opens /dev/null in place of closed standard streams, so that no other file gets their
// descriptors and what is printed.
void hold_standard_streams();

void add_corpus_verbs(CLI::App& app, Globals& globals);
void add_contribution_verb(CLI::App& space, Globals& globals);
void add_model_verbs(CLI::App& app, Globals& globals);    // model
void add_space_verbs(CLI::App& app, Globals& globals);    // space
void add_extract_verb(CLI::App& app, Globals& globals);   // extract
void add_bench_verb(CLI::App& app, Globals& globals);     // bench
void add_sort_verb(CLI::App& model, Globals& globals);    // model sort
void add_encode_verbs(CLI::App& app, Globals& globals);   // encode
void add_train_verbs(CLI::App& app, Globals& globals);    // pretrain, train
void add_targets_verbs(CLI::App& app, Globals& globals);  // targets list, targets remove
void add_eval_verbs(CLI::App& app, Globals& globals);     // eval, latency
void add_scores_verbs(CLI::App& app, Globals& globals);   // scores
void add_attack_verb(CLI::App& app, Globals& globals);    // attack
void add_search_verbs(CLI::App& app, Globals& globals);   // search
void add_study_verbs(CLI::App& app, Globals& globals);    // study, pareto, report
void add_run_verbs(CLI::App& app, Globals& globals);      // run
void add_config_verb(CLI::App& app, Globals& globals);    // config
void add_doctor_verb(CLI::App& app, Globals& globals);    // doctor

}  // namespace concertina
