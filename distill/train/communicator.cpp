#include "distill/train/communicator.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "core/errors.h"

#ifdef CONCERTINA_GLOO
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#endif
#ifdef CONCERTINA_NCCL
#include "distill/train/nccl.h"
#endif

namespace concertina {
namespace {

class LoneCommunicator : public Communicator {
 public:
  int32_t rank() const override { return 0; }
  int32_t size() const override { return 1; }
  Wait begin_sum(const at::Tensor& /*tensor*/) override {
    return [] {};
  }
  void broadcast(const at::Tensor& /*tensor*/) override {}
  void first_does(const std::function<void()>& work) override { work(); }
};

#ifdef CONCERTINA_GLOO

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

// The first process may sort a supernet before it meets the others.
constexpr std::chrono::hours kToMeet{1};
constexpr Milliseconds kBetweenQuestions{500};
constexpr int64_t kWell = 1, kFailed = 2;

// The first sentence of the library's text, without the place in its sources.
std::string sentence(std::string text) {
  if (text.starts_with('[')) text.erase(0, text.find("] ") + 2);
  return text.substr(0, std::min(text.find(". "), text.find('\n')));
}

// Runs body; what the library throws becomes one sentence.
template <class Body>
auto guarded(const std::string& what, Body body) {
  try {
    return body();
  } catch (const std::exception& error) {
    throw SystemError(fmt::format("{}: {}", what, sentence(error.what())));
  }
}

c10::intrusive_ptr<c10d::Store> meeting_place(const Launch& launch) {
  c10d::TCPStoreOptions options;
  options.port = launch.port;
  options.isServer = launch.rank == 0 && !launch.served;
  options.waitWorkers = false;
  options.timeout = kToMeet;
  auto store = c10::make_intrusive<c10d::TCPStore>(launch.address, options);
  return c10::make_intrusive<c10d::PrefixStore>(fmt::format("concertina/{}", launch.attempt),
                                                std::move(store));
}

// The network device: GLOO_SOCKET_IFNAME names it; on one machine the loopback does.
std::shared_ptr<gloo::transport::Device> network(const Launch& launch) {
  using c10d::ProcessGroupGloo;
  if (const char* name = std::getenv("GLOO_SOCKET_IFNAME"); name != nullptr && *name != '\0') {
    return ProcessGroupGloo::createDeviceForInterface(name);
  }
  const bool one_machine = launch.local_size == launch.size;
  return one_machine ? ProcessGroupGloo::createDeviceForHostname("127.0.0.1")
                     : ProcessGroupGloo::createDefaultDevice();
}

// Gloo for tensors on the CPU, NCCL for those on GPUs.
class GroupCommunicator : public Communicator {
 public:
  GroupCommunicator(const Launch& launch, Milliseconds answer_time)
      : rank_(launch.rank), size_(launch.size), answer_time_(answer_time) {
    guarded(fmt::format("rank {} cannot meet the others at {}:{}", launch.rank, launch.address,
                        launch.port),
            [&] {
              store_ = meeting_place(launch);
              auto options = c10d::ProcessGroupGloo::Options::create(answer_time_);
              options->devices.push_back(network(launch));
              on_cpu_ = c10::make_intrusive<c10d::ProcessGroupGloo>(store_, rank_, size_,
                                                                    std::move(options));
            });
  }

  int32_t rank() const override { return rank_; }
  int32_t size() const override { return size_; }

  Wait begin_sum(const at::Tensor& tensor) override {
    std::vector<at::Tensor> tensors = {tensor};
    auto work = guarded(lost(), [&] { return group_of(tensor).allreduce(tensors); });
    return [this, work] { guarded(lost(), [&] { work->wait(); }); };
  }

  void broadcast(const at::Tensor& tensor) override {
    std::vector<at::Tensor> tensors = {tensor};
    guarded(lost(), [&] { group_of(tensor).broadcast(tensors)->wait(); });
  }

  void first_does(const std::function<void()>& work) override {
    const std::string key = fmt::format("work/{}", ++works_);
    if (rank_ > 0) return guarded(lost(), [&] { wait_for_first(key); });
    try {
      const std::jthread beating([&](const std::stop_token& stop) { beat(key, stop); });
      work();
    } catch (...) {
      try {
        store_->add(key + "/done", kFailed);
      } catch (const std::exception&) {  // then they notice that this process is gone
      }
      throw;
    }
    guarded(lost(), [&] { store_->add(key + "/done", kWell); });
  }

 private:
  std::string lost() const {
    return fmt::format("rank {} of {} lost the other processes", rank_, size_);
  }

  // Counts up while the first process works.
  void beat(const std::string& key, const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    while (!stop.stop_requested()) {
      try {
        store_->add(key, 1);
      } catch (const std::exception&) {
        return;  // the others are gone: the next call to them says so
      }
      stopped.wait_for(lock, stop, answer_time_ / 10, [] { return false; });
    }
  }

  void wait_for_first(const std::string& key) {
    int64_t heard = 0, done = 0;
    auto last = Clock::now();
    while ((done = store_->add(key + "/done", 0)) == 0) {
      const int64_t beats = store_->add(key, 0);
      if (beats != heard) last = Clock::now();
      heard = beats;
      if (Clock::now() - last > answer_time_) throw std::runtime_error("rank 0 gives no answer");
      std::this_thread::sleep_for(std::min<Milliseconds>(answer_time_ / 20, kBetweenQuestions));
    }
    if (done != kWell) throw std::runtime_error("rank 0 ended with an error");
  }

  c10d::Backend& group_of(const at::Tensor& tensor) {
    if (tensor.is_cpu()) return *on_cpu_;
    if (!on_gpu_) on_gpu_ = gpu_group();
    return *on_gpu_;
  }

  c10::intrusive_ptr<c10d::Backend> gpu_group() const {
#ifdef CONCERTINA_NCCL
    auto store = c10::make_intrusive<c10d::PrefixStore>("nccl", store_);
    return make_nccl(std::move(store), rank_, size_, answer_time_);
#else
    throw std::runtime_error("this program was built without NCCL's headers");
#endif
  }

  int32_t rank_, size_;
  Milliseconds answer_time_;
  int64_t works_ = 0;  // calls of first_does
  c10::intrusive_ptr<c10d::Store> store_;
  c10::intrusive_ptr<c10d::Backend> on_cpu_, on_gpu_;
};

#endif

}  // namespace

void Communicator::barrier() { sum(at::zeros({1})); }

bool has_process_groups() {
#ifdef CONCERTINA_GLOO
  return true;
#else
  return false;
#endif
}

std::unique_ptr<Communicator> lone_communicator() { return std::make_unique<LoneCommunicator>(); }

std::unique_ptr<Communicator> make_communicator(
    const Launch& launch, [[maybe_unused]] std::chrono::milliseconds answer_time) {
  if (launch.size == 1) return lone_communicator();
#ifdef CONCERTINA_GLOO
  return std::make_unique<GroupCommunicator>(launch, answer_time);
#else
  throw SystemError(
      fmt::format("{} processes were launched, but this program was built without Gloo's headers: "
                  "install libgloo-dev and build it again",
                  launch.size));
#endif
}

}  // namespace concertina
