// Searchers propose architectures (ask) and receive their results (tell). They do no IO and own no
// threads; results are told in ask order, so that a search resumes exactly and does not depend on
// which evaluation finished first.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "search/evaluator.h"
#include "search/options.h"
#include "study/trial.h"
#include "supernet/space/genome.h"
#include "supernet/space/search_space.h"

namespace concertina {

class Searcher {
 public:
  virtual ~Searcher() = default;
  // Genomes that were never asked for before; fewer than `count` when the space is exhausted.
  virtual std::vector<Genome> ask(int64_t count) = 0;
  virtual void tell(std::span<const Trial> trials) = 0;  // all of one ask, in ask order
  virtual int64_t batch_size() const = 0;                // natural number of proposals per ask
  virtual Facts settings() const = 0;                    // see settings_of()
  virtual std::string save_state() const = 0;  // the rng and members by trial number: small
  // Resumes from a saved state; `told` are all trials told before it, by number. A state that was
  // saved between ask() and tell() resumes with that tell(). InputError when the state is not of
  // this kind of searcher.
  virtual void restore_state(std::string_view state, std::span<const Trial> told) = 0;
};

// The settings that this kind of search depends on, by config key: "seed", "search.searcher",
// "search.population" ...; unused ones are left out.
Facts settings_of(const SearcherOptions& options);

// nsga2: NSGA-II (Deb et al. 2002) over genomes; the first ask holds smallest, largest and default,
// then random members. random: random members. InputError for an unknown kind or an option out of
// range.
std::unique_ptr<Searcher> make_searcher(const SearcherOptions& options, const SearchSpace& space);

}  // namespace concertina
