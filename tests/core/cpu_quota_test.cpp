#include "core/cpu_quota.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "core/threads.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;

class CpuQuota : public ::testing::Test {
 protected:
  void TearDown() override { fs::remove_all(root); }
  void file(const fs::path& path, const std::string& text) const {
    fs::create_directories((root / path).parent_path());
    std::ofstream(root / path) << text << "\n";
  }
  fs::path root = fs::temp_directory_path() / ("concertina-quota-" + std::to_string(::getpid()));
};

TEST_F(CpuQuota, IsEmptyWithoutALimit) {
  EXPECT_FALSE(cpu_quota(root));  // nothing is there at all
  file("proc/self/cgroup", "0::/user.slice/run");
  file("sys/fs/cgroup/user.slice/run/cpu.max", "max 100000");
  EXPECT_FALSE(cpu_quota(root));
}

TEST_F(CpuQuota, IsTheLowestOfVersion2Groups) {
  file("proc/self/cgroup", "0::/user.slice/run");
  file("sys/fs/cgroup/user.slice/run/cpu.max", "400000 100000");
  EXPECT_DOUBLE_EQ(cpu_quota(root).value(), 4);
  file("sys/fs/cgroup/user.slice/cpu.max", "150000 100000");
  EXPECT_DOUBLE_EQ(cpu_quota(root).value(), 1.5);
}

TEST_F(CpuQuota, ReadsAContainersOwnRoot) {
  file("proc/self/cgroup", "0::/");
  file("sys/fs/cgroup/cpu.max", "200000 100000");
  EXPECT_DOUBLE_EQ(cpu_quota(root).value(), 2);
}

TEST_F(CpuQuota, ReadsVersion1) {
  file("proc/self/cgroup", "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc");
  file("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "250000");  // the host's path is not there
  file("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000");
  EXPECT_DOUBLE_EQ(cpu_quota(root).value(), 2.5);
  file("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1");
  EXPECT_FALSE(cpu_quota(root));
}

TEST_F(CpuQuota, SettlesTheNumberOfThreads) {
  EXPECT_EQ(usable_threads(8, 1.5), 2);
  EXPECT_EQ(usable_threads(8, 0.2), 1);
  EXPECT_EQ(usable_threads(2, 16.0), 2);
  EXPECT_EQ(usable_threads(8, std::nullopt), 8);
}

}  // namespace
}  // namespace concertina
