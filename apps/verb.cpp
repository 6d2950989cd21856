#include "apps/verb.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <c10/util/Exception.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <new>
#include <regex>
#include <system_error>

#include "core/log.h"
#include "core/progress.h"
#include "core/threads.h"

namespace concertina {
namespace {

bool is_on_gpu(const Globals& globals) { return globals.device != "cpu"; }

// What PyTorch needs for deterministic operations on a GPU; those that have no deterministic
// version only warn.
void make_deterministic(const Globals& globals) {
  setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
  at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/is_on_gpu(globals));
}

void apply(const Globals& globals) {
  const bool quiet = globals.quiet || globals.launch.rank > 0;  // one process of a run logs
  set_log_level(quiet ? LogLevel::kWarn : log_level_from(globals.log_level));
  set_progress_enabled(!quiet);
  const int32_t share = std::max(1, hardware_threads() / globals.launch.local_size);
  const int32_t threads = globals.threads > 0 ? globals.threads : share;
  set_thread_limit(threads);
  at::set_num_threads(threads);
  if (globals.deterministic) make_deterministic(globals);
  (void)device_of(globals);
}

// The innermost verb that was recognised, or the program itself.
const CLI::App* innermost(const CLI::App& app) {
  const CLI::App* at = &app;
  while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
  return at;
}

std::vector<std::string> names_of_verbs(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(verb->get_name());
  }
  return names;
}

std::vector<std::string> names_of_options(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* at = &app; at != nullptr; at = at->get_parent()) {
    for (const CLI::Option* option : at->get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
  }
  return names;
}

std::string path_of(const CLI::App& verb) {
  if (verb.get_parent() == nullptr) return "concertina";
  return path_of(*verb.get_parent()) + " " + verb.get_name();
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

// A usage error in one sentence, with the nearest valid name.
std::string explain(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& verb = *innermost(app);
  const std::vector<std::string> extra = app.remaining(true);
  const std::vector<std::string> verbs = names_of_verbs(verb);
  const std::string help = "; see " + path_of(verb) + " --help";
  if (!extra.empty() && extra.front().starts_with("-")) {
    const std::string name = extra.front().substr(0, extra.front().find('='));
    return "unknown option " + name + did_you_mean(name, names_of_options(verb)) + help;
  }
  if (!extra.empty() && !verbs.empty()) {
    return "unknown verb '" + extra.front() + "'" + did_you_mean(extra.front(), verbs) +
           "; expected one of " + joined(verbs);
  }
  if (!extra.empty()) return "unexpected argument '" + extra.front() + "'" + help;
  if (!verbs.empty()) return "a verb is missing after '" + path_of(verb) + "': " + joined(verbs);
  return std::string(error.what()) + help;
}

int fail(ExitCode code, const std::string& message) {
  std::string line = message;
  while (!line.empty() && line.back() == '\n') line.pop_back();
  std::fprintf(stderr, "concertina: %s\n", line.c_str());
  return static_cast<int>(code);
}

int fail_to_print(int error) {
  return fail(ExitCode::kSystem,
              "standard output cannot be written: " + std::generic_category().message(error));
}

// An output that cannot be written is an error.
int finish_output() {
  errno = 0;
  std::cout.flush();
  const bool written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  return written ? static_cast<int>(ExitCode::kDone) : fail_to_print(errno != 0 ? errno : EIO);
}

int fail_as_bug(const std::string& message) {
  return fail(ExitCode::kBug, message + " (this is a bug of concertina, please report it)");
}

int torch_failure(const c10::Error& error) {
  const std::string what = error.what_without_backtrace();
  const bool memory = what.find("out of memory") != std::string::npos ||
                      what.find("can't allocate memory") != std::string::npos;
  if (memory) return fail(ExitCode::kSystem, "out of memory: " + what.substr(0, what.find('\n')));
  return fail_as_bug(what);
}

}  // namespace

at::Device device_of(const Globals& globals) {
  static const std::regex kForm("cpu|cuda(:[0-9]{1,2})?");
  const std::string& name = globals.device;
  if (!std::regex_match(name, kForm)) {
    throw InputError("--device " + name + ": expected cpu, cuda or cuda:N");
  }
  at::Device device(name);
  if (device.is_cpu()) return device;
  const int32_t count = at::hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0;
  if (count == 0) {
    throw SystemError("--device " + name + ": this LibTorch sees no CUDA device");
  }
  if (!device.has_index()) {
    device.set_index(static_cast<c10::DeviceIndex>(globals.launch.local_rank % count));
  }
  if (device.index() >= count) {
    throw InputError("--device " + name + ": there are " + std::to_string(count) +
                     " CUDA devices, counted from 0");
  }
  c10::impl::VirtualGuardImpl(device.type()).setDevice(device);
  return device;
}

RunContext run_context(const Globals& globals) {
  return {globals.stop, device_of(globals), globals.launch};
}

ConfigFile load_config(const std::string& path, const Globals& globals) {
  ConfigFile file = ConfigFile::load(path);
  for (const std::string& assignment : globals.set) file.set(assignment);
  if (globals.seed_given) file.set("seed=" + std::to_string(globals.seed));
  return file;
}

void hold_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    // Standard output is opened for reading, so that printing fails.
    const int flags = stream == STDERR_FILENO ? O_WRONLY : O_RDONLY;
    if (::fcntl(stream, F_GETFD) < 0) [[maybe_unused]]
      const int held = ::open("/dev/null", flags);
  }
}

void add_global_flags(CLI::App& app, Globals& globals) {
  app.fallthrough();
  app.require_subcommand(1);
  app.add_option("--set", globals.set, "override a value of the config: a.b=c (repeatable)")
      ->allow_extra_args(false);
  add_number(app, "--threads", globals.threads, kThreadBounds, "CPU threads; 0: all")
      ->capture_default_str();
  app.add_option("--device", globals.device,
                 "cpu, cuda or cuda:N, for pretrain, train, run and encode")
      ->capture_default_str();
  app.add_flag("--deterministic", globals.deterministic,
               "reject operations that are not deterministic; on a GPU, only warn");
  const CLI::Option* seed =
      add_number(app, "--seed", globals.seed, kSeedBounds, "seed of all random numbers");
  app.add_option("--log-level", globals.log_level, "debug, info, warn, error or off")
      ->capture_default_str();
  app.add_flag("--quiet", globals.quiet, "log warnings only");
  app.add_flag("--json", globals.json, "print results as JSON");
  app.parse_complete_callback([&globals, seed] {
    globals.seed_given = seed->count() > 0;
    globals.launch = read_launch();
    apply(globals);
    globals.paths.check();
  });
}

std::unique_ptr<CLI::App> make_program(Globals& globals) {
  auto app = std::make_unique<CLI::App>(
      "Trains one elastic speech encoder, searches its subnets for accuracy, size and latency,\n"
      "and extracts the one that fits a budget.",
      "concertina");
  app->set_version_flag("--version", "concertina " CONCERTINA_VERSION);
  app->footer("Example:\n  concertina run configs/quickstart.yaml --out runs/quickstart");
  add_global_flags(*app, globals);  // first: verbs inherit the fall-through of flags
  add_run_verbs(*app, globals);
  add_corpus_verbs(*app, globals);
  add_train_verbs(*app, globals);
  add_targets_verbs(*app, globals);
  add_search_verbs(*app, globals);
  add_study_verbs(*app, globals);
  add_model_verbs(*app, globals);
  add_space_verbs(*app, globals);
  add_extract_verb(*app, globals);
  add_bench_verb(*app, globals);
  add_encode_verbs(*app, globals);
  add_eval_verbs(*app, globals);
  add_scores_verbs(*app, globals);
  add_attack_verb(*app, globals);
  add_config_verb(*app, globals);
  add_doctor_verb(*app, globals);
  return app;
}

int run_guarded(CLI::App& app, const std::function<void()>& body) {
  try {
    body();
    return finish_output();
  } catch (const CLI::Success& success) {  // --help, --version
    app.exit(success);
    return finish_output();
  } catch (const CLI::ParseError& error) {
    return fail(ExitCode::kBadInput, explain(app, error));
  } catch (const Error& error) {
    return fail(error.code(), error.what());
  } catch (const std::filesystem::filesystem_error& error) {
    const std::string path = error.path1().string();
    return fail(ExitCode::kSystem, path + ": " + error.code().message());
  } catch (const std::system_error& error) {
    if (std::ferror(stdout) != 0) return fail_to_print(error.code().value());
    return fail(ExitCode::kSystem, error.what());
  } catch (const std::bad_alloc&) {
    return fail(ExitCode::kSystem, "out of memory");
  } catch (const c10::Error& error) {
    return torch_failure(error);
  } catch (const std::exception& error) {
    return fail_as_bug(error.what());
  }
}

}  // namespace concertina
