#include "core/machine.h"

#include <gtest/gtest.h>

#include "core/errors.h"

namespace concertina {
namespace {

TEST(Machine, SaysWhatItIs) {
  const Machine machine = this_machine();
  EXPECT_FALSE(machine.cpu.empty());
  EXPECT_EQ(machine.cpu, cpu_name());
  EXPECT_GE(machine.cpus, 1);
  EXPECT_GE(machine.cpu_quota, 0);
  EXPECT_GT(machine.free_memory, 0);
  EXPECT_LE(machine.free_memory, machine.memory);
#if defined(__x86_64__)
  EXPECT_FALSE(machine.instruction_sets.empty());
#endif
}

TEST(Machine, FreeDiskNamesAFolderThatIsNotThere) {
  EXPECT_GT(free_disk("."), 0);
  try {
    free_disk("/no/such/folder");
    FAIL();
  } catch (const SystemError& error) {
    EXPECT_NE(std::string(error.what()).find("/no/such/folder"), std::string::npos);
  }
}

TEST(Machine, ProgramsAreFoundInPath) {
  EXPECT_TRUE(has_program("sh"));
  EXPECT_FALSE(has_program("no-such-program-of-ours"));
}

}  // namespace
}  // namespace concertina
