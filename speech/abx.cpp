#include "speech/abx.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "core/errors.h"

namespace concertina {
namespace {

using TokenNumbers = std::vector<int64_t>;
using OfSpeakers = std::map<int64_t, TokenNumbers>;

// Triples of one pair of phones, speakers and context. Without `x` (within), X is one of `a`, too.
struct AbxCell {
  int64_t pair = 0, speakers = 0, context = 0;
  const TokenNumbers *a = nullptr, *b = nullptr, *x = nullptr;

  int64_t count() const {
    return std::ssize(*a) * std::ssize(*b) * (x != nullptr ? std::ssize(*x) : std::ssize(*a) - 1);
  }
  AbxTriple triple(int64_t number) const {
    const int64_t of_a = number % std::ssize(*a);
    number /= std::ssize(*a);
    const int64_t of_b = number % std::ssize(*b);
    int64_t of_x = number / std::ssize(*b);
    if (x == nullptr && of_x >= of_a) ++of_x;
    const TokenNumbers& xs = x != nullptr ? *x : *a;
    return {(*a)[static_cast<size_t>(of_a)],
            (*b)[static_cast<size_t>(of_b)],
            xs[static_cast<size_t>(of_x)],
            pair,
            speakers,
            context};
  }
};

struct AbxTokens {  // context: phone: speaker: tokens
  std::map<std::pair<int64_t, int64_t>, std::map<int64_t, OfSpeakers>> contexts;
  int64_t speakers = 0, phones = 0;

  explicit AbxTokens(std::span<const AbxToken> tokens) {
    for (int64_t i = 0; i < std::ssize(tokens); ++i) {
      const AbxToken& token = tokens[static_cast<size_t>(i)];
      contexts[{token.before, token.after}][token.phone][token.speaker].push_back(i);
      speakers = std::max(speakers, token.speaker + 1);
      phones = std::max(phones, token.phone + 1);
    }
  }
};

void add_cells(const OfSpeakers& of_first, const OfSpeakers& of_second, AbxSpeakers kind,
               int64_t speaker_count, AbxCell cell, std::vector<AbxCell>& cells) {
  for (const auto& [speaker, second] : of_second) {
    const auto first = of_first.find(speaker);
    if (first == of_first.end()) continue;
    cell.a = &first->second;
    cell.b = &second;
    if (kind == AbxSpeakers::kWithin) {
      cell.speakers = speaker;
      if (cell.count() > 0) cells.push_back(cell);
      continue;
    }
    for (const auto& [other, tokens] : of_first) {
      if (other == speaker) continue;
      cell.speakers = speaker * speaker_count + other;
      cell.x = &tokens;
      cells.push_back(cell);
    }
  }
}

std::map<int64_t, std::vector<AbxCell>> cells_of_pairs(const AbxTokens& tokens, AbxSpeakers kind) {
  std::map<int64_t, std::vector<AbxCell>> pairs;
  int64_t context = 0;
  for (const auto& [neighbours, phones] : tokens.contexts) {
    for (const auto& [first, of_first] : phones) {
      for (const auto& [second, of_second] : phones) {
        if (first == second) continue;
        const int64_t pair = first * tokens.phones + second;
        std::vector<AbxCell> cells;
        add_cells(of_first, of_second, kind, tokens.speakers, {.pair = pair, .context = context},
                  cells);
        if (!cells.empty()) pairs[pair].insert(pairs[pair].end(), cells.begin(), cells.end());
      }
    }
    ++context;
  }
  return pairs;
}

// Gives triples of one pair of phones, cell by cell in random order, each once.
class PairSampler {
 public:
  PairSampler(std::vector<AbxCell> cells, Rng rng) : cells_(std::move(cells)), rng_(rng) {
    rng_.shuffle(std::span(cells_));
    drawn_.resize(cells_.size());
  }
  bool next(std::vector<AbxTriple>& triples) {
    for (size_t tried = 0; tried < cells_.size(); ++tried) {
      const size_t place = at_++ % cells_.size();
      const AbxCell& cell = cells_[place];
      std::set<int64_t>& drawn = drawn_[place];
      if (std::ssize(drawn) == cell.count()) continue;
      int64_t number = rng_.below(cell.count());
      while (!drawn.insert(number).second) number = rng_.below(cell.count());
      triples.push_back(cell.triple(number));
      return true;
    }
    return false;
  }

 private:
  std::vector<AbxCell> cells_;
  std::vector<std::set<int64_t>> drawn_;
  Rng rng_;
  size_t at_ = 0;
};

auto order_of(const AbxTriple& triple) {
  return std::tuple(triple.pair, triple.speakers, triple.context, triple.a, triple.b, triple.x);
}

std::vector<AbxTriple> sampled(std::map<int64_t, std::vector<AbxCell>> pairs, int64_t most,
                               const Rng& rng) {
  std::vector<PairSampler> samplers;
  for (auto& [pair, cells] : pairs)
    samplers.emplace_back(std::move(cells), rng.fork("pair", static_cast<uint64_t>(pair)));
  std::vector<AbxTriple> triples;
  for (bool any = true; any;) {
    any = false;
    for (PairSampler& sampler : samplers) {
      if (std::ssize(triples) == most) return triples;
      any |= sampler.next(triples);
    }
  }
  return triples;
}

// A mean of means: of groups that have a weight.
struct RunningMean {
  double sum = 0, weight = 0;
  void add(double value, double of = 1) {
    sum += value * of;
    weight += of;
  }
  // Adds itself to the level above and starts again.
  void close(RunningMean& above) {
    if (weight > 0) above.add(sum / weight);
    *this = {};
  }
};

}  // namespace

void add_abx_tokens(const AbxPhones& phones, const AbxToken& of_clip, double until_s,
                    std::vector<AbxToken>& tokens) {
  CONCERTINA_ASSERT(phones.ends_s.size() == phones.labels.size());
  for (size_t i = 1; i + 1 < phones.labels.size() && phones.ends_s[i] <= until_s; ++i) {
    if (phones.pauses.contains(phones.labels[i])) continue;
    AbxToken& token = tokens.emplace_back(of_clip);
    token.start_s = phones.ends_s[i - 1];
    token.end_s = phones.ends_s[i];
    token.phone = phones.labels[i];
    token.before = phones.labels[i - 1];
    token.after = phones.labels[i + 1];
  }
}

FrameRange token_frames(const AbxToken& token, const FrameTimes& times) {
  const auto place = [&](double time_s) { return (time_s - times.centre_s) / times.period_s; };
  const auto at_or_after = [&](double time_s) {
    return std::clamp<int64_t>(static_cast<int64_t>(std::ceil(place(time_s))), 0, times.frames);
  };
  const int64_t first = at_or_after(token.start_s), end = at_or_after(token.end_s);
  if (first < end) return {first, end - first};
  const int64_t nearest = std::llround(place((token.start_s + token.end_s) / 2));
  return {std::clamp<int64_t>(nearest, 0, times.frames - 1), 1};
}

double abx_triple_error(double to_a, double to_b) {
  return to_a > to_b ? 1 : to_a == to_b ? 0.5 : 0;
}

std::vector<AbxTriple> draw_abx_triples(std::span<const AbxToken> tokens, AbxSpeakers speakers,
                                        int64_t most, const Rng& rng) {
  const AbxTokens grouped(tokens);
  std::vector<AbxTriple> triples = sampled(cells_of_pairs(grouped, speakers), most, rng);
  std::ranges::sort(triples, {}, order_of);
  return triples;
}

double abx_error(std::span<const AbxTriple> triples, std::span<const double> errors) {
  return weighted_abx_error(triples, errors, std::vector<double>(errors.size(), 1.0));
}

double weighted_abx_error(std::span<const AbxTriple> triples, std::span<const double> errors,
                          std::span<const double> weights) {
  CONCERTINA_ASSERT(triples.size() == errors.size() && errors.size() == weights.size());
  RunningMean all, of_pair, of_speakers, of_cell;
  for (size_t i = 0; i < triples.size(); ++i) {
    const AbxTriple& here = triples[i];
    if (i > 0) {
      const AbxTriple& last = triples[i - 1];
      const bool pair = here.pair != last.pair;
      const bool speakers = pair || here.speakers != last.speakers;
      if (speakers || here.context != last.context) of_cell.close(of_speakers);
      if (speakers) of_speakers.close(of_pair);
      if (pair) of_pair.close(all);
    }
    of_cell.add(errors[i], weights[i]);
  }
  of_cell.close(of_speakers);
  of_speakers.close(of_pair);
  of_pair.close(all);
  return all.weight > 0 ? all.sum / all.weight : 0.5;
}

}  // namespace concertina
