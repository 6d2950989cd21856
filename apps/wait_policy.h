// How OpenMP's threads wait for each other. By default they spin for milliseconds, which on a
// shared CPU delays the thread they wait for: a step takes 20 to 30 times as long next to two busy
// processes. Here they spin for some microseconds and then sleep.
#pragma once

namespace concertina {

// Call first in main. libgomp reads its settings when it is loaded, before main, so the program is
// restarted in place (execv; the process stays the same) with GOMP_SPINCOUNT set. Does nothing if
// OMP_WAIT_POLICY or GOMP_SPINCOUNT is set already, or if that fails.
void wait_without_spinning(char** argv);

}  // namespace concertina
