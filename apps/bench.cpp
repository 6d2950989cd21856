// concertina bench: latency of one subnet on this machine.
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "apps/verb.h"
#include "core/format.h"
#include "eval/latency.h"
#include "supernet/model/model_file.h"
#include "supernet/space/cost.h"
#include "supernet/space/resolve.h"

namespace concertina {
namespace {

using Json = nlohmann::ordered_json;

struct BenchArgs {
  std::string model, arch = "largest";
  LatencyOptions options;
};

void print_json(const LatencyPoint& point, const Cost& cost, double gmacs) {
  const Json json = {{"architecture", point.architecture.key()},
                     {"device", point.device},
                     {"threads", point.threads},
                     {"dtype", point.dtype},
                     {"audio_s", point.seconds},
                     {"p50_ms", point.p50_ms},
                     {"p95_ms", point.p95_ms},
                     {"mean_ms", point.mean_ms},
                     {"iqr_ms", point.spread_ms},
                     {"repetitions", point.n},
                     {"params", cost.params},
                     {"macs", cost.macs},
                     {"gmacs_per_s", gmacs}};
  fmt::print("{}\n", json.dump(2));
}

void print_text(const LatencyPoint& point, const Cost& cost, double gmacs) {
  fmt::print("{}\n{}, {} threads, {}, {} s of audio, {} runs\n", point.architecture.key(),
             point.device, point.threads, point.dtype, point.seconds, point.n);
  fmt::print("p50 {:.2f} ms   p95 {:.2f} ms   {:.0f}x real time   {:.1f} GMAC/s   {} params\n",
             point.p50_ms, point.p95_ms, point.seconds * 1e3 / point.p50_ms, gmacs,
             format_count(static_cast<double>(cost.params)));
}

void run_bench(const BenchArgs& args, const Globals& globals) {
  const Supernet supernet = load_model(args.model);
  LatencyOptions options = args.options;
  options.threads = globals.threads > 0 ? globals.threads : at::get_num_threads();
  const Architecture architecture = resolve_architecture(supernet.space(), args.arch);
  const LatencyPoint point = profile_latency(supernet, {architecture}, options, globals.stop).at(0);
  const Cost cost = cost_of(supernet.blueprint(), architecture,
                            static_cast<int64_t>(point.seconds * supernet.blueprint().sample_rate));
  const double gmacs = static_cast<double>(cost.macs) / point.p50_ms / 1e6;
  if (globals.json)
    print_json(point, cost, gmacs);
  else
    print_text(point, cost, gmacs);
}

}  // namespace

void add_bench_verb(CLI::App& app, Globals& globals) {
  auto args = std::make_shared<BenchArgs>();
  args->options.seconds = 10;
  CLI::App* bench =
      app.add_subcommand("bench", "measure the latency of one subnet on this machine");
  bench->footer(
      "Example:\n  concertina bench runs/quickstart/subnet.safetensors --threads 1 --seconds 10");
  bench->add_option("MODEL", args->model, "model file (.safetensors)")->required();
  bench->add_option("--arch", args->arch, kArchitectureHelp)->capture_default_str();
  add_number(*bench, "--seconds", args->options.seconds, kLatencySeconds,
             "length of the audio in seconds")
      ->capture_default_str();
  add_choice(*bench, "--dtype", args->options.dtype, "what is computed in",
             {Precision::kFp32, Precision::kBf16});
  add_number(*bench, "--repetitions", args->options.repetitions, kLatencyRepetitions,
             "number of timed runs")
      ->capture_default_str();
  bench->callback([args, &globals] { run_bench(*args, globals); });
}

}  // namespace concertina
