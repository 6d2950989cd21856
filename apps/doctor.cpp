// concertina doctor: this machine, and whether its bf16 kernels are correct.
#include <ATen/Config.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/version.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/verb.h"
#include "core/errors.h"
#include "core/machine.h"
#include "core/progress.h"
#include "distill/train/communicator.h"
#include "pipeline/text_table.h"
#include "supernet/model/forward.h"
#include "supernet/model/model_file.h"
#include "supernet/nn/kernel_check.h"

namespace concertina {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array kWidths = {64, 128, 224, 384, 512, 768};  // of the synthetic models
constexpr std::array kCaps = {"ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY"};

struct Part {
  Supernet model;
  Architecture architecture;
};

// HuBERT and WavLM with a pair of layers, ARMHuBERT's reused attention map among them.
Part synthetic(int32_t width, bool wavlm) {
  Blueprint blueprint;
  if (wavlm) {
    blueprint.relative_position = {.buckets = 320, .max_distance = 800};
  } else {
    blueprint.attention_reuse = {1};
  }
  SpaceChoices choices;
  choices.conv_channels = {std::vector<int32_t>(7, std::min(width, 512))};
  choices.embed_dim = {width};
  choices.frame_period_us = {20000};
  choices.heads = {width / blueprint.head_dim > 0 ? width / blueprint.head_dim : 1};
  choices.ffn_ratio = {4};
  choices.storage_depth = 2;
  choices.depth = {2};
  const SearchSpace space(blueprint, choices);
  return {Supernet::random(space, Rng(0)), space.largest()};
}

// Made one by one, so that they are never in memory together.
std::vector<std::function<Part()>> parts_of(const std::string& model) {
  std::vector<std::function<Part()>> parts;
  if (model.empty()) {
    for (const int32_t width : kWidths) {
      for (const bool wavlm : {false, true})
        parts.emplace_back([width, wavlm] { return synthetic(width, wavlm); });
    }
    return parts;
  }
  const Supernet supernet = load_model(model);
  const SearchSpace& space = supernet.space();
  for (const auto& each : {space.smallest(), space.default_architecture(), space.largest()})
    parts.emplace_back([supernet, each] { return Part{supernet, each}; });
  return parts;
}

// A second of audio through the model in bf16, without and with gradients: each product is checked
// when it is first computed. One that is wrong and cannot be replaced is among the results as well.
void run_in_bf16(const Part& part) {
  Subnet subnet = part.model.slice(part.architecture, at::kBFloat16);
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(0);
  const SpeechBatch batch =
      make_batch(at::empty({1, part.model.blueprint().sample_rate}).normal_(0, 0.1, generator));
  for (const bool gradients : {false, true}) {
    const at::AutoGradMode grad_mode(gradients);
    if (gradients) {
      for (auto& [name, tensor] : subnet.tensors) {
        if (name.find("mel.") == std::string::npos) tensor = tensor.detach().requires_grad_();
      }
      subnet = make_subnet(subnet.blueprint, subnet.architecture, subnet.tensors);
    }
    (void)encode(subnet, batch);
  }
}

std::vector<KernelCheck> checks_of(const std::string& model, const StopToken& stop) {
  const auto parts = parts_of(model);
  Progress progress("doctor", std::ssize(parts));
  for (const auto& part : parts) {
    stop.throw_if_interrupted("the check of the products was not finished");
    try {
      run_in_bf16(part());
    } catch (const CheckFailed&) {  // On purpose: it is in the results
    }
    progress.advance();
  }
  progress.finish();
  return kernel_checks().results();
}

std::string_view name_of(CheckOutcome outcome) {
  switch (outcome) {
    case CheckOutcome::kRight:
      return "right";
    case CheckOutcome::kReplaced:
      return "replaced";
    case CheckOutcome::kWrong:
      return "wrong";
  }
  return {};
}

Json products_json(const std::vector<KernelCheck>& checks) {
  Json products = Json::array();
  for (const KernelCheck& check : checks) {
    products.push_back({{"product", name_of(check.key.product)},
                        {"sizes", check.key.sizes},
                        {"gradients", check.key.gradients},
                        {"what", describe(check.key)},
                        {"relative_error", std::isfinite(check.error) ? Json(check.error) : Json()},
                        {"outcome", name_of(check.outcome)}});
  }
  return products;
}

std::vector<std::string> missing() {
  std::vector<std::string> lines;
  for (const char* program : {"apt-get", "dpkg-deb"}) {
    if (!has_program(program))
      lines.push_back(fmt::format("{}: `concertina corpus fetch` needs it", program));
  }
  if (!has_process_groups())
    lines.emplace_back("Gloo (libgloo-dev when building): training on several processes needs it");
  return lines;
}

Json report(const std::vector<KernelCheck>& checks) {
  const Machine machine = this_machine();
  Json caps = Json::object();
  for (const char* name : kCaps) {
    if (const char* value = std::getenv(name)) caps[name] = value;
  }
  return {{"cpu", machine.cpu},
          {"instruction_sets", machine.instruction_sets},
          {"cpus", machine.cpus},
          {"cpu_quota", machine.cpu_quota > 0 ? Json(machine.cpu_quota) : Json()},
          {"threads", at::get_num_threads()},
          {"libtorch", TORCH_VERSION},
          {"libtorch_capability", at::get_cpu_capability()},
          {"onednn", AT_MKLDNN_ENABLED() != 0},
          {"caps", caps},
          {"memory_bytes", machine.memory},
          {"free_memory_bytes", machine.free_memory},
          {"free_disk_bytes", free_disk(".")},
          {"products", products_json(checks)},
          {"missing", missing()}};
}

double gigabytes(const Json& bytes) { return bytes.get<double>() / 1e9; }

// One row a product: how many sizes, the largest error, what was replaced.
std::string summary(const std::vector<KernelCheck>& checks) {
  std::vector<std::vector<std::string>> rows = {
      {"bf16 product", "sizes checked", "largest error", "replaced", "wrong"}};
  for (const Product product : {Product::kLinear, Product::kMatmul, Product::kConv,
                                Product::kPositionalConv, Product::kAttention}) {
    int64_t sizes = 0, replaced = 0, wrong = 0;
    double largest = 0;
    for (const KernelCheck& check : checks) {
      if (check.key.product != product) continue;
      ++sizes;
      replaced += check.outcome == CheckOutcome::kReplaced;
      wrong += check.outcome == CheckOutcome::kWrong;
      largest = std::max(largest, check.error);
    }
    rows.push_back({std::string(name_of(product)), fmt::format("{}", sizes),
                    fmt::format("{:.2g}", largest), fmt::format("{}", replaced),
                    fmt::format("{}", wrong)});
  }
  return text_table(rows);
}

void print(const Json& json, const std::vector<KernelCheck>& checks) {
  fmt::print("CPU           {}\n", json["cpu"].get<std::string>());
  fmt::print("              {}\n",
             fmt::join(json["instruction_sets"].get<std::vector<std::string>>(), " "));
  fmt::print("threads       {} of {} CPUs{}\n", json["threads"].get<int>(), json["cpus"].get<int>(),
             json["cpu_quota"].is_null()
                 ? ""
                 : fmt::format(", {:.1f} CPUs of time", json["cpu_quota"].get<double>()));
  fmt::print("LibTorch      {}, {}, oneDNN {}\n", json["libtorch"].get<std::string>(),
             json["libtorch_capability"].get<std::string>(),
             json["onednn"].get<bool>() ? "on" : "off");
  for (const auto& [name, value] : json["caps"].items())
    fmt::print("              {}={}\n", name, value.get<std::string>());
  fmt::print("memory        {:.1f} GB free of {:.1f} GB\n", gigabytes(json["free_memory_bytes"]),
             gigabytes(json["memory_bytes"]));
  fmt::print("disk          {:.1f} GB free here\n", gigabytes(json["free_disk_bytes"]));
  const auto absent = json["missing"].get<std::vector<std::string>>();
  fmt::print("missing       {}\n\n{}",
             absent.empty() ? "nothing" : fmt::format("{}", fmt::join(absent, "\n              ")),
             summary(checks));
  for (const KernelCheck& check : checks) {
    if (check.outcome == CheckOutcome::kRight) continue;
    fmt::print("{}: {}, relative error {:.2g}\n", name_of(check.outcome), describe(check.key),
               check.error);
  }
}

void run_doctor(const std::string& model, const Globals& globals) {
  const std::vector<KernelCheck> checks = checks_of(model, globals.stop);
  const Json json = report(checks);
  if (globals.json) {
    fmt::print("{}\n", json.dump(2));
  } else {
    print(json, checks);
  }
  for (const KernelCheck& check : checks) {
    if (check.outcome != CheckOutcome::kWrong) continue;
    throw CheckFailed(
        fmt::format("{} is wrong on this CPU in bf16 and in fp32: try "
                    "ONEDNN_MAX_CPU_ISA=AVX2 or another version of LibTorch",
                    describe(check.key)));
  }
}

}  // namespace

void add_doctor_verb(CLI::App& app, Globals& globals) {
  auto model = std::make_shared<std::string>();
  CLI::App* doctor =
      app.add_subcommand("doctor", "describe this machine and check its bf16 kernels");
  doctor->footer(
      "Each product of a model is computed in bf16 and in fp32 on small seeded inputs. Where the "
      "two\n"
      "differ, every verb uses fp32; exit code 5 means that fp32 is wrong as well.\n\n"
      "Examples:\n  concertina doctor\n  concertina doctor --model "
      "runs/quickstart/subnet.safetensors --json");
  doctor->add_option("--model", *model,
                     "check the products of this model (.safetensors) instead of HuBERT's and "
                     "WavLM's at widths of 64 to 768");
  doctor->callback([model, &globals] { run_doctor(*model, globals); });
}

}  // namespace concertina
