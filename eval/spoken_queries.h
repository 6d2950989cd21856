// Inside eval: queries and documents of query by example, from what clips say. A query is a clip that is
// a keyword or a few words, a document any clip; it holds the query when these words are among its own,
// in order and without others between them.
#pragma once

#include <cstdint>
#include <vector>

#include "eval/options.h"
#include "eval/term_weighted.h"
#include "speech/manifest.h"

namespace concertina {

inline constexpr int64_t kMostQueryWords = 4;

// Of one split.
struct QuerySet {
  std::vector<int64_t> queries, documents;  // indices into the manifest
  // By query: the documents (places in `documents`) it is searched in, those of other groups (without
  // groups: of other speakers), and whether each holds it.
  struct Searched {
    int64_t document = 0;
    bool target = false;
  };
  std::vector<std::vector<Searched>> searches;
};

// Up to `most_queries` queries that a document of another group holds, a clip of each phrase before a
// second of any; then up to `most_documents` documents, those that hold a query first. Which of equal
// ones is decided by SHA-256 of the ids. At a fidelity below 1, that share of the documents, in this
// order and at least 100 of them, and the queries that they hold. Clips that clip_seconds would cut are
// left out. Empty where there is no such query.
QuerySet pick_queries(const Manifest& manifest, const TaskOptions& options, Split split,
                      int64_t most_queries, int64_t most_documents);

}  // namespace concertina
