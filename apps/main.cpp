// The program: registers the verbs, parses the command line, maps failures to exit codes.
#include "apps/verb.h"
#include "core/memory.h"

int main(int argc, char** argv) {
  using namespace concertina;
  keep_freed_memory();
  CLI::App app{
      "Trains one elastic speech encoder, searches its subnets on accuracy, size and latency, and "
      "hands\n"
      "out the one that fits a budget.",
      "concertina"};
  app.set_version_flag("--version", "concertina " CONCERTINA_VERSION);
  app.footer("Start with: concertina run configs/quickstart.yaml --out runs/quickstart");

  const StopSource signals = StopSource::from_signals();
  Globals globals;
  globals.stop = signals.token();
  add_global_flags(app, globals);  // first: verbs inherit the fall-through of flags

  add_run_verbs(app, globals);
  add_corpus_verbs(app, globals);
  add_train_verbs(app, globals);
  add_targets_verbs(app, globals);
  add_search_verbs(app, globals);
  add_study_verbs(app, globals);
  add_model_verbs(app, globals);
  add_encode_verbs(app, globals);
  add_eval_verbs(app, globals);
  return run_guarded(app, [&] { app.parse(argc, argv); });
}
