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

class SingleProcessCommunicator : public Communicator {
 public:
  int32_t rank() const override { return 0; }
  int32_t world_size() const override { return 1; }
  Wait all_reduce_async(const at::Tensor& /*tensor*/) override {
    return [] {};
  }
  void broadcast_from(int32_t /*from*/, const at::Tensor& /*tensor*/) override {}
  void run_on_rank_zero(const std::function<void()>& work) override { work(); }
};

#ifdef CONCERTINA_GLOO

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

// Rank 0 may sort a supernet before it joins the others.
constexpr std::chrono::hours kRendezvousTimeout{1};
constexpr Milliseconds kPollInterval{500};
constexpr int64_t kSucceeded = 1, kFailed = 2;

// The first sentence of a library's message, without the location in its sources.
std::string first_sentence(std::string text) {
  if (text.starts_with('[')) text.erase(0, text.find("] ") + 2);
  return text.substr(0, std::min(text.find(". "), text.find('\n')));
}

// Runs body; an exception of the library becomes a SystemError of one sentence.
template <class Body>
auto with_system_error(const std::string& what, Body body) {
  try {
    return body();
  } catch (const std::exception& error) {
    throw SystemError(fmt::format("{}: {}", what, first_sentence(error.what())));
  }
}

c10::intrusive_ptr<c10d::Store> rendezvous_store(const Launch& launch) {
  c10d::TCPStoreOptions options;
  options.port = launch.port;
  options.isServer = launch.rank == 0 && !launch.served;
  options.waitWorkers = false;
  options.timeout = kRendezvousTimeout;
  auto store = c10::make_intrusive<c10d::TCPStore>(launch.address, options);
  return c10::make_intrusive<c10d::PrefixStore>(fmt::format("concertina/{}", launch.attempt),
                                                std::move(store));
}

// The network device: GLOO_SOCKET_IFNAME names it; on one machine the loopback does.
std::shared_ptr<gloo::transport::Device> network_device(const Launch& launch) {
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
  GroupCommunicator(const Launch& launch, Milliseconds timeout)
      : rank_(launch.rank), world_size_(launch.size), timeout_(timeout) {
    with_system_error(fmt::format("rank {}: rendezvous at {}:{} failed", launch.rank,
                                  launch.address, launch.port),
                      [&] {
                        store_ = rendezvous_store(launch);
                        auto options = c10d::ProcessGroupGloo::Options::create(timeout_);
                        options->devices.push_back(network_device(launch));
                        cpu_backend_ = c10::make_intrusive<c10d::ProcessGroupGloo>(
                            store_, rank_, world_size_, std::move(options));
                      });
  }

  int32_t rank() const override { return rank_; }
  int32_t world_size() const override { return world_size_; }

  Wait all_reduce_async(const at::Tensor& tensor) override {
    std::vector<at::Tensor> tensors = {tensor};
    auto work =
        with_system_error(lost_message(), [&] { return backend_of(tensor).allreduce(tensors); });
    return [this, work] { with_system_error(lost_message(), [&] { work->wait(); }); };
  }

  void broadcast_from(int32_t from, const at::Tensor& tensor) override {
    std::vector<at::Tensor> tensors = {tensor};
    c10d::BroadcastOptions options;
    options.rootRank = from;
    with_system_error(lost_message(),
                      [&] { backend_of(tensor).broadcast(tensors, options)->wait(); });
  }

  void run_on_rank_zero(const std::function<void()>& work) override {
    const std::string key = fmt::format("work/{}", ++calls_);
    if (rank_ > 0) return with_system_error(lost_message(), [&] { wait_for_rank_zero(key); });
    try {
      const std::jthread heartbeat(
          [&](const std::stop_token& stop) { send_heartbeats(key, stop); });
      work();
    } catch (...) {
      try {
        store_->add(key + "/done", kFailed);
      } catch (const std::exception&) {  // the missing heartbeats tell them
      }
      throw;
    }
    with_system_error(lost_message(), [&] { store_->add(key + "/done", kSucceeded); });
  }

 private:
  std::string lost_message() const {
    return fmt::format("rank {} of {} lost the other processes", rank_, world_size_);
  }

  void send_heartbeats(const std::string& key, const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    while (!stop.stop_requested()) {
      try {
        store_->add(key, 1);
      } catch (const std::exception&) {
        return;  // the others are gone: the next call to them says so
      }
      stopped.wait_for(lock, stop, timeout_ / 10, [] { return false; });
    }
  }

  void wait_for_rank_zero(const std::string& key) {
    int64_t seen = 0, done = 0;
    auto last = Clock::now();
    while ((done = store_->add(key + "/done", 0)) == 0) {
      const int64_t beats = store_->add(key, 0);
      if (beats != seen) last = Clock::now();
      seen = beats;
      if (Clock::now() - last > timeout_) throw std::runtime_error("rank 0 does not answer");
      std::this_thread::sleep_for(std::min<Milliseconds>(timeout_ / 20, kPollInterval));
    }
    if (done != kSucceeded) throw std::runtime_error("rank 0 ended with an error");
  }

  c10d::Backend& backend_of(const at::Tensor& tensor) {
    if (tensor.is_cpu()) return *cpu_backend_;
    if (!gpu_backend_) gpu_backend_ = make_gpu_backend();
    return *gpu_backend_;
  }

  c10::intrusive_ptr<c10d::Backend> make_gpu_backend() const {
#ifdef CONCERTINA_NCCL
    auto store = c10::make_intrusive<c10d::PrefixStore>("nccl", store_);
    return make_nccl(std::move(store), rank_, world_size_, timeout_);
#else
    throw std::runtime_error("this program was built without NCCL's headers");
#endif
  }

  int32_t rank_, world_size_;
  Milliseconds timeout_;
  int64_t calls_ = 0;  // of run_on_rank_zero
  c10::intrusive_ptr<c10d::Store> store_;
  c10::intrusive_ptr<c10d::Backend> cpu_backend_, gpu_backend_;
};

#endif

}  // namespace

void Communicator::barrier() { all_reduce(at::zeros({1})); }

bool has_process_groups() {
#ifdef CONCERTINA_GLOO
  return true;
#else
  return false;
#endif
}

std::unique_ptr<Communicator> single_process_communicator() {
  return std::make_unique<SingleProcessCommunicator>();
}

std::unique_ptr<Communicator> make_communicator(
    const Launch& launch, [[maybe_unused]] std::chrono::milliseconds timeout) {
  if (launch.size == 1) return single_process_communicator();
#ifdef CONCERTINA_GLOO
  return std::make_unique<GroupCommunicator>(launch, timeout);
#else
  throw SystemError(
      fmt::format("{} processes were launched, but this program was built without Gloo's headers: "
                  "install libgloo-dev and build it again",
                  launch.size));
#endif
}

}  // namespace concertina
