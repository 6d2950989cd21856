#include "core/launch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "core/errors.h"

namespace concertina {
namespace {

using Variables = std::map<std::string, std::string>;

Launch launch_of(const Variables& variables) {
  return read_launch([&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

std::string error_of(const Variables& variables) {
  try {
    launch_of(variables);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(Launch, AloneWithoutVariables) {
  const Launch launch = launch_of({});
  EXPECT_EQ(launch.rank, 0);
  EXPECT_EQ(launch.size, 1);
}

TEST(Launch, Torchrun) {
  const Launch launch = launch_of({{"RANK", "3"},
                                   {"WORLD_SIZE", "4"},
                                   {"LOCAL_RANK", "1"},
                                   {"LOCAL_WORLD_SIZE", "2"},
                                   {"MASTER_ADDR", "head"},
                                   {"MASTER_PORT", "4000"},
                                   {"TORCHELASTIC_USE_AGENT_STORE", "True"},
                                   {"TORCHELASTIC_RESTART_COUNT", "2"}});
  EXPECT_EQ(launch.rank, 3);
  EXPECT_EQ(launch.size, 4);
  EXPECT_EQ(launch.local_rank, 1);
  EXPECT_EQ(launch.local_size, 2);
  EXPECT_EQ(launch.address, "head");
  EXPECT_EQ(launch.port, 4000);
  EXPECT_TRUE(launch.served);
  EXPECT_EQ(launch.attempt, 2);
}

TEST(Launch, ByHandOnOneMachineNeedsNoAddress) {
  const Launch launch = launch_of({{"RANK", "1"}, {"WORLD_SIZE", "2"}});
  EXPECT_EQ(launch.local_rank, 1);
  EXPECT_EQ(launch.local_size, 2);
  EXPECT_EQ(launch.address, "127.0.0.1");
  EXPECT_FALSE(launch.served);
}

TEST(Launch, SlurmStep) {
  const Launch launch = launch_of({{"SLURM_PROCID", "5"},
                                   {"SLURM_STEP_NUM_TASKS", "6"},
                                   {"SLURM_LOCALID", "1"},
                                   {"SLURM_STEP_TASKS_PER_NODE", "2(x3)"},
                                   {"SLURM_LAUNCH_NODE_IPADDR", "10.0.0.1"}});
  EXPECT_EQ(launch.rank, 5);
  EXPECT_EQ(launch.local_size, 2);
  EXPECT_EQ(launch.address, "10.0.0.1");
}

TEST(Launch, BatchScriptOfAnAllocationIsAlone) {
  EXPECT_EQ(launch_of({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "8"}}).size, 1);
}

TEST(Launch, OpenMpi) {
  const Launch launch = launch_of({{"OMPI_COMM_WORLD_RANK", "1"},
                                   {"OMPI_COMM_WORLD_SIZE", "2"},
                                   {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                                   {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}});
  EXPECT_EQ(launch.rank, 1);
  EXPECT_EQ(launch.size, 2);
}

TEST(Launch, SaysWhatIsWrong) {
  EXPECT_THAT(error_of({{"WORLD_SIZE", "2"}}), testing::HasSubstr("RANK is not"));
  EXPECT_THAT(error_of({{"WORLD_SIZE", "2"}, {"RANK", "2"}}), testing::HasSubstr("from 0 to 1"));
  EXPECT_THAT(error_of({{"WORLD_SIZE", "two"}, {"RANK", "0"}}), testing::HasSubstr("two"));
  EXPECT_THAT(error_of({{"WORLD_SIZE", "4"}, {"RANK", "0"}, {"LOCAL_WORLD_SIZE", "2"}}),
              testing::HasSubstr("MASTER_ADDR"));
}

}  // namespace
}  // namespace concertina
