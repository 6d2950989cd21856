// The program: parses the command line, runs a verb, maps failures to exit codes.
#include "apps/verb.h"
#include "apps/wait_policy.h"
#include "core/lost_mapping.h"
#include "core/memory.h"

int main(int argc, char** argv) {
  using namespace concertina;
  wait_without_spinning(argv);
  report_lost_mappings();
  hold_standard_streams();
  keep_freed_memory();
  const StopSource signals = StopSource::from_signals();
  Globals globals;
  globals.stop = signals.token();
  const std::unique_ptr<CLI::App> app = make_program(globals);
  return run_guarded(*app, [&] { app->parse(argc, argv); });
}
