// Times one distillation step at LightHuBERT-small scale with a teacher of HuBERT base's shape, and
// prints JSON. benchmarks/train_step compares it with the reference pipeline; run from the
// repository's root.
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "benchmarks/device_times.h"
#include "benchmarks/op_times.h"
#include "core/memory.h"
#include "core/threads.h"
#include "distill/data/transfer.h"
#include "distill/objective/layer_mean.h"
#include "distill/train/adamw.h"
#include "distill/train/learner.h"
#include "supernet/space/cost.h"
#include "supernet/space/search_space_config.h"

namespace concertina {
namespace {

using Clock = std::chrono::steady_clock;

struct Args {
  std::string space = "configs/spaces/lighthubert-small.yaml", dtype = "bf16", sampler = "default";
  std::string channels;  // YAML list; empty: the space's
  std::string device = "cpu";
  int32_t threads = 2, warmup = 1, repeats = 5, queue = 10, clips = 4, random = 2;
  double seconds = 5;
  bool cached = false, profile = false;
};

class Default : public SubnetSampler {
 public:
  explicit Default(const SearchSpace& space) : architecture_(space.default_architecture()) {}
  std::vector<SampledSubnet> draw(int64_t) const override { return sizes(); }
  int64_t opening_step(int64_t) const override { return 0; }
  std::vector<SampledSubnet> sizes() const override { return {{"default", architecture_}}; }

 private:
  Architecture architecture_;
};

std::unique_ptr<SubnetSampler> sampler_of(const Args& args, const SearchSpace& space) {
  if (args.sampler == "default") return std::make_unique<Default>(space);
  SamplerOptions options;
  options.kind = args.sampler == "random" ? SamplerKind::kRandom : SamplerKind::kSandwich;
  options.random = args.random;
  return make_sampler(options, space, 1000, Rng(3));
}

SearchSpace load_space(const Args& args) {
  ConfigFile file = ConfigFile::load(args.space);
  if (!args.channels.empty()) file.set("conv_channels=" + args.channels);
  SearchSpace space = search_space_from_config(file.root(), file);
  file.finish();
  return space;
}

// HuBERT base: twelve layers of 768, and 512 channels in the front end.
Architecture hubert_base(const Blueprint& blueprint) {
  std::vector<LayerShape> layers;
  for (int32_t i = 0; i < 12; ++i) layers.push_back({i, 12, 3072, 0});
  return Architecture(std::vector<int32_t>(blueprint.wave.layers.size(), 512), 768,
                      blueprint.base_frame_period_us(), layers);
}

TrainingBatch batch_of(const Args& args, const Blueprint& blueprint) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(uint64_t{1});
  const auto samples = static_cast<int64_t>(args.seconds * blueprint.sample_rate);
  TrainingBatch batch;
  batch.speech = make_batch(at::empty({args.clips, samples}).normal_(0, 0.1, generator));
  Rng rng(2);
  const int64_t frames = blueprint.frames(samples);
  batch.speech.mask = at::empty({args.clips, frames}, at::kBool);
  for (int64_t b = 0; b < args.clips; ++b) {
    const auto mask = span_mask(frames, {.probability = 0.65, .length = 10}, rng);
    std::copy(mask.begin(), mask.end(), batch.speech.mask.data_ptr<bool>() + b * frames);
  }
  batch.speech.visible = visible_frames(blueprint, batch.speech);
  return batch;
}

struct Step {
  Learner learner;
  Gradients gradients;
  std::unique_ptr<Communicator> communicator = single_process_communicator();
  GradientReducer reducer;
  AdamW optimizer;
  explicit Step(Learner::Setup setup)
      : learner(std::move(setup)),
        gradients(learner.parameters()),
        reducer(*communicator, learner.parameters(), gradients),
        optimizer(learner.parameters(), OptimizerOptions{}) {}

  double run(const TrainingBatch& batch, int64_t step) {
    const auto start = Clock::now();
    gradients.zero();
    learner.learn(batch, step, reducer);
    reducer.finish();
    const at::Tensor scale = clip_scale(gradients.norm(), 10);
    optimizer.step(learner.parameters(), gradients, 5e-4, scale);
    return std::chrono::duration<double>(Clock::now() - start).count();
  }
};

Learner::Setup setup_of(const Args& args, const SearchSpace& space, const Supernet& teacher) {
  const LayerMeanSpec spec{8, Distance::kL1, true, 12, 768, space.storage().shape.embed_dim()};
  auto objective = std::make_unique<LayerMeanObjective>(spec);
  auto heads = objective->parameters(Rng(4));
  return {.student = Supernet::random(space, Rng(5)),
          .objective = std::move(objective),
          .heads = std::move(heads),
          .sampler = sampler_of(args, space),
          .teachers = {teacher},
          .dtype = args.dtype == "bf16" ? at::kBFloat16 : at::kFloat,
          .device = at::Device(args.device)};
}

double peak_rss_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

double peak_device_mb(at::Device device) {
  if (device.is_cpu()) return 0;
  const auto stats = at::accelerator::getDeviceStats(std::max<c10::DeviceIndex>(device.index(), 0));
  const auto all = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  return static_cast<double>(stats.allocated_bytes[all].peak) / (1 << 20);
}

void wait_for(at::Device device) {
  if (!device.is_cpu()) at::accelerator::synchronizeDevice(device.index());
}

struct Times {
  std::vector<double> steps;  // seconds
  double host = 0;            // mean seconds until a step is queued
};

// On a GPU each time is the mean of args.queue steps that are queued one after the other and waited
// for once, as in training.
Times times_of(Step& step, const TrainingBatch& batch, const Args& args) {
  const at::Device device = step.learner.device();
  const int32_t queue = device.is_cpu() ? 1 : args.queue;
  int64_t at = 0;
  for (int32_t i = 0; i < args.warmup * queue; ++i) step.run(batch, at++);
  wait_for(device);
  Times times;
  for (int32_t i = 0; i < args.repeats; ++i) {
    const auto start = Clock::now();
    for (int32_t k = 0; k < queue; ++k) times.host += step.run(batch, at++);
    wait_for(device);
    times.steps.push_back(std::chrono::duration<double>(Clock::now() - start).count() / queue);
  }
  times.host /= args.repeats * queue;
  return times;
}

nlohmann::ordered_json rows_of(const std::vector<OpTime>& sorted, double whole, const char* name) {
  auto rows = nlohmann::ordered_json::array();
  for (const OpTime& row : sorted) {
    if (row.seconds < 0.002 * whole) break;
    rows.push_back({{name, row.name}, {"seconds", row.seconds}, {"calls", row.calls}});
  }
  return rows;
}

nlohmann::ordered_json host_profile_of(Step& step, const TrainingBatch& batch, int64_t at) {
  const OpTimes times;
  const double whole = step.run(batch, at);
  return rows_of(times.sorted(), whole, "op");
}

// Self times of operators on the host and, where that is not what computes, on the GPU too.
nlohmann::ordered_json profile_of(Step& step, const TrainingBatch& batch, const Args& args) {
  const int64_t at = args.warmup + args.repeats;
  const at::Device device = step.learner.device();
  if (device.is_cpu()) return host_profile_of(step, batch, at);
  constexpr int kSteps = 2;  // the first one starts with an idle device
  wait_for(device);
  DeviceTimes times;
  for (int i = 0; i < kSteps; ++i) step.run(batch, at + i);
  wait_for(device);
  const DeviceProfile profile = times.stop();
  int64_t calls = 0;
  for (const OpTime& kernel : profile.kernels) calls += kernel.calls;
  return {{"steps", kSteps},
          {"span_s", profile.span},
          {"busy_s", profile.busy},
          {"calls", calls},
          {"waits", profile.waits - 1},  // the last one
          {"operators", rows_of(profile.operators, profile.busy, "op")},
          {"kernels", rows_of(profile.kernels, profile.busy, "kernel")},
          {"host", host_profile_of(step, batch, at + kSteps)}};
}

// Of a plain product of the step's dtype on its device: an upper bound for its arithmetic. Flop/s.
double product_rate(const Args& args) {
  constexpr int kRounds = 7;
  const at::Device device(args.device);
  const int64_t size = device.is_cpu() ? 2048 : 8192;
  const auto dtype = args.dtype == "bf16" ? at::kBFloat16 : at::kFloat;
  const at::Tensor a = at::randn({size, size}, at::TensorOptions(device).dtype(dtype));
  double best = 0;
  for (int i = 0; i < kRounds; ++i) {
    wait_for(device);
    const auto start = Clock::now();
    const at::Tensor product = a.matmul(a);
    wait_for(device);
    const double wall = std::chrono::duration<double>(Clock::now() - start).count();
    const auto n = static_cast<double>(size);
    best = std::max(best, 2 * n * n * n / wall);
  }
  return best;
}

void run(const Args& args) {
  set_thread_limit(args.threads);
  at::set_num_threads(args.threads);
  const SearchSpace space = load_space(args);
  const Blueprint& blueprint = space.blueprint();
  const Architecture shape = hubert_base(blueprint);
  const SearchSpace teachers = SearchSpace::single(blueprint, {shape, SlicingRule::kPrefix});
  TrainingBatch batch = batch_of(args, blueprint);
  map_large_memory();  // as the stages do
  Learner::Setup setup = setup_of(args, space, Supernet::random(teachers, Rng(6)));
  const int64_t samples = batch.speech.waveform.size(1);
  if (args.cached) {
    const Subnet teacher = setup.teachers.front().slice(shape);
    batch.rows =
        teacher_rows(setup.objective->needs().rows, {&teacher, 1}, blueprint, batch.speech);
    setup.teachers.clear();
  }
  Step step(std::move(setup));
  keep_freed_memory();
  const Uploader uploader(step.learner.device());
  batch = uploader.finish(uploader.start(std::move(batch)));
  const Times times = times_of(step, batch, args);
  const auto visible = static_cast<double>(batch.speech.visible->frames.numel());
  const double share = visible / static_cast<double>(batch.speech.mask.numel());
  // Of a pass whose front end makes `part` of the frames.
  const auto macs = [&](const Architecture& a, double part) {
    const Cost cost = cost_of(blueprint, a, samples);
    return args.clips * (static_cast<double>(cost.macs - cost.front_end_macs) +
                         static_cast<double>(cost.front_end_macs) * part);
  };
  nlohmann::ordered_json json = {{"dtype", args.dtype},
                                 {"sampler", args.sampler},
                                 {"cached", args.cached},
                                 {"threads", args.threads},
                                 {"clips", args.clips},
                                 {"seconds", args.seconds},
                                 {"times_s", times.steps},
                                 {"host_s", times.host},
                                 {"device", args.device},
                                 {"peak_rss_mb", peak_rss_mb()},
                                 {"peak_device_mb", peak_device_mb(step.learner.device())},
                                 {"visible_share", share},
                                 {"student_macs", macs(space.default_architecture(), share)},
                                 {"teacher_macs", args.cached ? 0.0 : macs(shape, 1)}};
  json["product_flops"] = product_rate(args);
  if (args.profile) json["profile"] = profile_of(step, batch, args);
  fmt::print("{}\n", json.dump());
}

}  // namespace
}  // namespace concertina

int main(int argc, char** argv) {
  concertina::keep_freed_memory();
  CLI::App app{"Times one distillation step; JSON on stdout"};
  concertina::Args args;
  app.add_option("--space", args.space)->capture_default_str();
  app.add_option("--channels", args.channels, "conv_channels of the space, e.g. [256]");
  app.add_option("--dtype", args.dtype)->check(CLI::IsMember({"fp32", "bf16"}));
  app.add_option("--sampler", args.sampler)
      ->check(CLI::IsMember({"default", "random", "sandwich"}));
  app.add_option("--random", args.random, "random subnets of the sandwich")->capture_default_str();
  app.add_option("--device", args.device, "cpu or cuda:0")->capture_default_str();
  app.add_option("--threads", args.threads)->capture_default_str();
  app.add_option("--warmup", args.warmup)->capture_default_str();
  app.add_option("--repeats", args.repeats)->capture_default_str();
  app.add_option("--queue", args.queue, "steps queued before each wait, on a GPU")
      ->capture_default_str();
  app.add_option("--clips", args.clips)->capture_default_str();
  app.add_option("--seconds", args.seconds)->capture_default_str();
  app.add_flag("--cached", args.cached, "targets are there, as from a cache");
  app.add_flag("--profile", args.profile, "self times of operators in one more step");
  CLI11_PARSE(app, argc, argv);
  concertina::run(args);
}
