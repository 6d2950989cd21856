// Shared by benchmarks of single operations: times of calls.
#pragma once

#include <ATen/DeviceAccelerator.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <iterator>
#include <vector>

namespace concertina {

// Wall time of `body` in ms; on a GPU until the device is done.
inline double milliseconds(at::Device device, const std::function<void()>& body) {
  const auto begin = std::chrono::steady_clock::now();
  body();
  if (!device.is_cpu()) at::accelerator::synchronizeDevice(device.index());
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
      .count();
}

// The upper one of an even number. At least one time.
inline double median(std::vector<double> times) {
  std::nth_element(times.begin(), times.begin() + std::ssize(times) / 2, times.end());
  return times[times.size() / 2];
}

}  // namespace concertina
