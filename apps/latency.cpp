// concertina latency: latency of subnets on this machine, and the model that predicts it.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/latency.h"
#include "core/errors.h"
#include "pipeline/latency_profile.h"
#include "study/latency/point_json.h"
#include "supernet/model/model_file.h"
#include "supernet/space/resolve.h"
#include "supernet/space/search_space_config.h"

namespace concertina {
namespace {

SearchSpace space_of(const StudyFile& study) {
  return search_space_from_json(study.header().space_json);
}

struct ProfileFlags {
  std::string model, study;
  LatencyOptions options;
};

void profile(const ProfileFlags& flags, const Globals& globals) {
  LatencyOptions options = flags.options;
  if (globals.threads > 0) options.threads = globals.threads;
  const Supernet supernet = load_model(flags.model);
  StudyFile study = open_or_create_times(flags.study, supernet);
  const auto points = profile_with_progress(
      supernet, profile_architectures(supernet.space(), options.points, globals.seed), options,
      globals.stop);
  study.add_latency_points(points);
  const double fastest = std::ranges::min(points, {}, &LatencyPoint::p50_ms).p50_ms;
  const double slowest = std::ranges::max(points, {}, &LatencyPoint::p50_ms).p50_ms;
  if (globals.json) {
    fmt::print("{}\n", nlohmann::ordered_json{{"study", flags.study},
                                              {"subnets", points.size()},
                                              {"fastest_p50_ms", fastest},
                                              {"slowest_p50_ms", slowest},
                                              {"seconds", options.seconds},
                                              {"threads", options.threads},
                                              {"dtype", enum_name(options.dtype)},
                                              {"device", cpu_name()}}
                           .dump(1));
    return;
  }
  fmt::print("{} subnets measured: {:.2f} to {:.2f} ms for {:g} s of audio on {}\n", points.size(),
             fastest, slowest, options.seconds, cpu_name());
}

void fit(const std::string& path, const Globals& globals) {
  StudyFile study = StudyFile::open(path);
  if (study.latency_model() && study.trial_count() > 0) {
    throw InputError(
        path + " holds trials that were searched with its latency model, which stays as it is");
  }
  fit_latency_model(study, space_of(study).blueprint(), study.latency_points());
  const std::string sha256 = study.latency_model()->sha256;
  fmt::print("{}\n", globals.json
                         ? nlohmann::ordered_json{{"study", path}, {"sha256", sha256}}.dump(1)
                         : sha256);
}

void predict(const std::string& path, const std::string& text, const Globals& globals) {
  const StudyFile study = StudyFile::open_read_only(path);
  const Architecture architecture = resolve_architecture(space_of(study), text);
  const double ms = latency_model_of(study, path).predict_ms(architecture);
  if (globals.json) {
    fmt::print(
        "{}\n",
        nlohmann::json{{"architecture", architecture.key()}, {"latency.pred_ms", ms}}.dump());
  } else {
    fmt::print("{:.2f} ms  {}\n", ms, architecture.key());
  }
}

void export_points(const std::string& path, const Globals& globals) {
  const auto points = StudyFile::open_read_only(path).latency_points();
  if (globals.json) {
    nlohmann::json rows = nlohmann::json::array();
    for (const LatencyPoint& p : points) rows.push_back(nlohmann::json(latency_point_json(p)));
    fmt::print("{}\n", rows.dump(1));
    return;
  }
  fmt::print("architecture,device,threads,seconds,dtype,n,mean_ms,p50_ms,p95_ms,spread_ms\n");
  for (const LatencyPoint& p : points) {
    fmt::print("\"{}\",\"{}\",{},{:g},{},{},{:.4f},{:.4f},{:.4f},{:.4f}\n", p.architecture.key(),
               p.device, p.threads, p.seconds, p.dtype, p.n, p.mean_ms, p.p50_ms, p.p95_ms,
               p.spread_ms);
  }
}

void add_profile(CLI::App& latency, Globals& globals) {
  CLI::App* verb = latency.add_subcommand("profile", "measure extracted subnets of a model");
  auto flags = std::make_shared<ProfileFlags>();
  globals.paths.reads(
      verb->add_option("MODEL", flags->model, "supernet (.safetensors)")->required());
  globals.paths.writes(
      *verb,
      verb->add_option("-o,--out,--study", flags->study, "study to add the times to, or a new one")
          ->required(),
      FileKind::kStudy);
  add_number(*verb, "--points", flags->options.points, kLatencyPoints, "number of subnets")
      ->capture_default_str();
  add_number(*verb, "--seconds", flags->options.seconds, kLatencySeconds,
             "length of the audio in seconds")
      ->capture_default_str();
  add_choice(*verb, "--dtype", flags->options.dtype, "what is computed in",
             {Precision::kFp32, Precision::kBf16});
  verb->footer(
      "Example:\n"
      "  concertina latency profile runs/quickstart/stage2/model.safetensors -o times.db");
  verb->callback([flags, &globals] { profile(*flags, globals); });
}

void add_study_verbs_of_latency(CLI::App& latency, Globals& globals) {
  auto study = std::make_shared<std::string>();
  auto architecture = std::make_shared<std::string>();
  CLI::App* fit_verb =
      latency.add_subcommand("fit", "fit a study's latency model to its measurements");
  CLI::App* predict_verb =
      latency.add_subcommand("predict", "predict a subnet's latency with a study's model");
  CLI::App* export_verb = latency.add_subcommand(
      "export", "print a study's measurements as CSV, or as JSON with --json");
  for (CLI::App* verb : {fit_verb, predict_verb, export_verb})
    globals.paths.reads(verb->add_option("STUDY", *study, "study file (.db)")->required());
  predict_verb->add_option("--arch", *architecture, kArchitectureHelp)->required();
  predict_verb->footer(
      "Example:\n  concertina latency predict runs/quickstart/study.db --arch smallest");
  fit_verb->footer("Example:\n  concertina latency fit times.db");
  export_verb->footer("Example:\n  concertina latency export times.db");
  fit_verb->callback([study, &globals] { fit(*study, globals); });
  predict_verb->callback([=, &globals] { predict(*study, *architecture, globals); });
  export_verb->callback([study, &globals] { export_points(*study, globals); });
}

}  // namespace

void add_latency_verbs(CLI::App& app, Globals& globals) {
  CLI::App* latency = app.add_subcommand(
      "latency",
      "measure subnets on this machine, and fit and ask the model that predicts their latency");
  latency->require_subcommand(1);
  add_profile(*latency, globals);
  add_study_verbs_of_latency(*latency, globals);
}

}  // namespace concertina
