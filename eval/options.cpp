#include "eval/options.h"

#include <fmt/format.h>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/errors.h"
#include "core/option_table.h"

namespace concertina {
namespace {

void read_data(ConfigSection section, TaskOptions& options) {
  const std::vector<std::string> tasks = task_names();
  for (const std::string& task : section.keys()) {
    std::filesystem::path file;
    section.read(task, file);
    if (std::ranges::count(tasks, task) == 0)
      section.problem(task, fmt::format("no task is called so{}", did_you_mean(task, tasks)));
    if (!file.empty()) options.data[task] = section.resolve(file);
  }
}

Option<TaskOptions> data_option() {
  using detail::OptionInfo;
  return {"data",
          "of a task, instead of the corpus: a manifest of its own, or a list of the corpus's "
          "clips with other splits or labels",
          {.read = [](const OptionInfo& info, ConfigSection& section,
                      TaskOptions& o) { read_data(section.section(info.key), o); },
           .write =
               [](const OptionInfo& info, TaskOptions& o, detail::Json& json) {
                 json[info.key] = detail::Json::object();
                 for (const auto& [task, file] : o.data) json[info.key][task] = file.string();
               },
           .list =
               [](const OptionInfo& info, TaskOptions&, const std::string& prefix,
                  std::vector<OptionRow>& rows) {
                 rows.push_back({.key = detail::dotted(prefix, info.key),
                                 .type = "TASK: path",
                                 .help = info.help});
               }}};
}

}  // namespace

const OptionTable<TaskOptions>& task_table() {
  using O = TaskOptions;
  static const OptionTable<O> table = {
      option("tasks", &O::tasks, "proxy tasks that are scored").one_of(task_names()),
      option("fidelity", &O::fidelity,
             "share of each task's clips that train the probes and are scored")
          .within({0.001, 1}),
      data_option(),
      option("speaker_disjoint", &O::speaker_disjoint,
             "tasks whose dev and test should have no speaker of train: a warning where they do")
          .one_of(task_names()),
      option("pr_every", &O::pr_every, "pr, abx, pnmi and per train on every n-th utterance")
          .within({1, 1000000}),
      option("clip_seconds", &O::clip_seconds, "longest part of a clip that is encoded; 0: all")
          .within({0, 3600})
          .unit("s"),
      option("asv_trials", &O::asv_trials, "target trials, and as many non-target ones")
          .within({1, 10000000}),
      option("abx_triples", &O::abx_triples, "of abx and abx_across: compared triples of phones")
          .within({1, 10000000}),
      option("qbe_queries", &O::qbe_queries, "of qbe: clips of a few words that are searched")
          .within({1, 1000000}),
      option("qbe_documents", &O::qbe_documents, "of qbe: clips that they are searched in")
          .within({2, 1000000}),
      option("sid_min_clips", &O::sid_min_clips, "speakers with fewer clips are left out")
          .within({1, 1000000}),
      option("ks_min_clips", &O::ks_min_clips, "keywords with fewer clips in train are left out")
          .within({1, 1000000}),
      option("layers", &O::layers,
             "hidden states that probes read: the layer selected on train, the last, or the mean"),
      option("trained", &O::trained,
             "also train SUPERB's probe on each task of classification: metrics that end in _wsum"),
      option("probe_width", &O::probe_width,
             "also probe random projections of each layer to this many channels: metrics that end "
             "in _matched; 0: none")
          .within({0, 65536}),
      option("teacher_layers", &O::teacher_layers,
             "of teacher.*, 0: the input of the first; none: what stage2.objective regresses"),
      option("teacher_seconds", &O::teacher_seconds,
             "audio of train that teacher.* and rankme read; they are scored on half as much")
          .within({1, 1e6})
          .unit("s"),
      option("dtype", &O::dtype,
             "of the encoder; auto: bf16 where the CPU multiplies it in hardware")
          .among({Precision::kAuto, Precision::kFp32, Precision::kBf16}),
  };
  return table;
}

TaskOptions TaskOptions::from_config(ConfigSection section) {
  TaskOptions options;
  task_table().read(std::move(section), options);
  return options;
}

const OptionTable<LatencyOptions>& latency_table() {
  using O = LatencyOptions;
  static const OptionTable<O> table = {
      option("points", &O::points, "architectures that are timed")
          .within({8, kLatencyPoints.high}),  // fewer cannot fit a model
      option("threads", &O::threads, "intra-op threads").within({1, kThreadBounds.high}),
      option("seconds", &O::seconds, "length of the audio").within(kLatencySeconds).unit("s"),
      option("dtype", &O::dtype, "of the encoder").among({Precision::kFp32, Precision::kBf16}),
      option("warmup", &O::warmup, "passes before the timed ones").within({0, 10000}),
      option("repetitions", &O::repetitions, "timed passes").within(kLatencyRepetitions),
  };
  return table;
}

LatencyOptions LatencyOptions::from_config(ConfigSection section) {
  LatencyOptions options;
  latency_table().read(std::move(section), options);
  return options;
}

}  // namespace concertina
