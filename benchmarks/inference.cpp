// The Concertina side of benchmarks/inference: reads "CHANNELS DTYPE" lines, runs
// LightHuBERT-small's default subnet with so many front-end channels once on CLIPS clips of 10 s of
// noise, and answers the milliseconds. Usage: inference_bench SPACE.yaml THREADS [DEVICE [CLIPS]]
#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <chrono>
#include <iostream>
#include <map>
#include <string>

#include "core/memory.h"
#include "supernet/model/forward.h"
#include "supernet/space/search_space.h"
#include "supernet/space/search_space_config.h"

namespace {

using namespace concertina;

Supernet extracted(const SearchSpace& space, int32_t channels) {
  const Architecture whole = space.default_architecture();
  const Architecture narrow(std::vector<int32_t>(whole.conv_channels().size(), channels),
                            whole.embed_dim(), whole.frame_period_us(), whole.layers());
  return Supernet::random(SearchSpace::single(space.blueprint(), {narrow, SlicingRule::kPrefix}),
                          Rng(0));
}

double milliseconds_of(const Subnet& subnet, const SpeechBatch& batch) {
  const at::Device device = batch.waveform.device();
  const auto start = std::chrono::steady_clock::now();
  encode(subnet, batch);
  if (!device.is_cpu()) at::accelerator::synchronizeDevice(device.index());
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

}  // namespace

int main(int argc, char** argv) {
  keep_freed_memory();
  if (argc < 3 || argc > 5) return 2;
  at::set_num_threads(std::stoi(argv[2]));
  const at::NoGradGuard no_grad;
  const SearchSpace space = load_search_space(argv[1]);
  const at::Device device(argc > 3 ? argv[3] : "cpu");
  const int64_t clips = argc > 4 ? std::stoll(argv[4]) : 1;
  const SpeechBatch batch = make_batch((at::randn({clips, 160000}) * 0.1).to(device));
  std::map<std::string, Subnet> subnets;
  int32_t channels = 0;
  std::string dtype;
  while (std::cin >> channels >> dtype) {
    const std::string key = std::to_string(channels) + dtype;
    if (!subnets.contains(key)) {
      const Supernet model = extracted(space, channels).to(device);
      subnets[key] =
          model.slice(model.space().largest(), dtype == "bf16" ? at::kBFloat16 : at::kFloat);
    }
    std::cout << milliseconds_of(subnets.at(key), batch) << std::endl;
  }
}
