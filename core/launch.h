// Rank and world size of this process, from the environment variables of torchrun, SLURM, Open MPI
// and MPICH. Without them the process runs alone.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace concertina {

struct Launch {
  int32_t rank = 0, size = 1;
  int32_t local_rank = 0, local_size = 1;  // on this machine
  std::string address = "127.0.0.1";       // of rank 0, for the rendezvous
  uint16_t port = 29500;
  bool served = false;  // the launcher runs the rendezvous store (torchrun); otherwise rank 0 does
  int32_t attempt = 0;  // torchrun's restarts
};

using Environment = std::function<const char*(const char* name)>;  // null: not set

// RANK and WORLD_SIZE (torchrun and by hand), else OMPI_COMM_WORLD_*, PMI_* or srun's variables;
// MASTER_ADDR and MASTER_PORT. Several machines need MASTER_ADDR, except under srun, which names
// the machine it was started on. InputError: a variable is missing, not a number or out of range.
Launch read_launch(const Environment& environment);
Launch read_launch();  // of this process

}  // namespace concertina
