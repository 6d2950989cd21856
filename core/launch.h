// Which of the processes of one parallel run this is. torchrun, SLURM, Open MPI and MPICH say it in
// environment variables; a process that nobody launched beside others is a run of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace concertina {

struct Launch {
  int32_t rank = 0, size = 1;              // of the run
  int32_t local_rank = 0, local_size = 1;  // on this machine
  std::string address = "127.0.0.1";       // where rank 0 is met
  uint16_t port = 29500;
  bool served = false;  // the launcher itself keeps the meeting place (torchrun)
  int32_t attempt = 0;  // torchrun's restarts
};

using Environment = std::function<const char*(const char* name)>;  // null: not set

// RANK and WORLD_SIZE (torchrun and by hand), else OMPI_COMM_WORLD_*, PMI_* or srun's variables;
// MASTER_ADDR and MASTER_PORT. Several machines need MASTER_ADDR, except under srun, which names
// the machine it was started on. InputError: a variable is missing, no number or out of range.
Launch read_launch(const Environment& environment);
Launch read_launch();  // of this process

}  // namespace concertina
