// The searchers that make_searcher() chooses from. Private to search/.
#pragma once

#include <memory>

#include "search/searcher.h"

namespace concertina {

std::unique_ptr<Searcher> make_nsga2(const SearcherOptions& options, const SearchSpace& space);
std::unique_ptr<Searcher> make_random_searcher(const SearcherOptions& options,
                                               const SearchSpace& space);

}  // namespace concertina
