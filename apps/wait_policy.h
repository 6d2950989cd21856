// How OpenMP's threads wait for each other. By default they spin for milliseconds, which on a CPU
// that others use too holds up the very thread they wait for: 20 to 30 times the time of a step
// beside two busy processes. Here they spin for some microseconds and then sleep.
#pragma once

namespace concertina {

// Call first in main. libgomp reads its settings when it is loaded, before main, so the program is
// started anew in place (execv; the process stays the same) with GOMP_SPINCOUNT set. Where
// OMP_WAIT_POLICY or GOMP_SPINCOUNT is set already, or starting fails, it just goes on.
void wait_without_spinning(char** argv);

}  // namespace concertina
