#include "eval/ctc_loss.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <type_traits>
#include <utility>

#include "core/errors.h"

namespace concertina {
namespace {

constexpr double kLogOfZero = -std::numeric_limits<double>::infinity();

// A probability by its logarithm: slow, and never too small.
struct LogProbability {
  double log = kLogOfZero;
};

LogProbability operator+(LogProbability a, LogProbability b) {
  if (a.log < b.log) std::swap(a, b);
  return b.log == kLogOfZero ? a : LogProbability{a.log + std::log1p(std::exp(b.log - a.log))};
}
LogProbability operator*(LogProbability a, LogProbability b) { return {a.log + b.log}; }
LogProbability operator/(LogProbability a, LogProbability b) {
  return a.log == kLogOfZero ? a : LogProbability{a.log - b.log};
}

template <class P>
P from_log(double log) {
  if constexpr (std::is_same_v<P, double>)
    return std::exp(log);
  else
    return P{log};
}
double log_of(double p) { return std::log(p); }
double log_of(LogProbability p) { return p.log; }
bool is_zero(double p) { return p == 0; }
bool is_zero(LogProbability p) { return p.log == kLogOfZero; }
double probability_value(double p) { return p; }
double probability_value(LogProbability p) { return std::exp(p.log); }

// Of K symbols, a row of states: the K + 1 blanks around them, a place that is always 0, the symbols.
template <class P>
struct CtcStates {
  int64_t symbols = 0;
  std::vector<P> rows;           // [T, 2 K + 2], each scaled to sum 1
  std::vector<double> log_sums;  // [T], of the rows up to here before they were scaled
  double log_total = 0;          // of the sum over all sequences

  int64_t width() const { return 2 * symbols + 2; }
  P* blanks(int64_t t) { return rows.data() + t * width(); }
  P* labels(int64_t t) { return blanks(t) + symbols + 2; }
  const P* blanks(int64_t t) const { return rows.data() + t * width(); }
  const P* labels(int64_t t) const { return blanks(t) + symbols + 2; }
};

template <class P>
void scale_row(CtcStates<P>& states, int64_t t) {
  const std::span row(states.blanks(t), static_cast<size_t>(states.width()));
  const P sum = std::accumulate(row.begin() + 1, row.end(), row.front());
  const P inverse = from_log<P>(0) / sum;
  for (P& each : row) each = each * inverse;
  states.log_total += log_of(sum);
  states.log_sums.push_back(states.log_total);
}

// What the sequences of the frames up to each one sum to, that frame included, by state of that frame.
// p [T, C].
template <class P>
CtcStates<P> sum_forward(const std::vector<P>& p, int64_t classes,
                         std::span<const int64_t> symbols) {
  const P zero = from_log<P>(kLogOfZero);
  const int64_t frames = std::ssize(p) / classes, count = std::ssize(symbols);
  const size_t n = symbols.size();
  CtcStates<P> states{.symbols = count, .rows = {}, .log_sums = {}};
  states.rows.assign(static_cast<size_t>(frames * states.width()), zero);
  std::vector<P> no_blank_before(n, zero), of_symbol(n);  // 1: it may follow without a blank
  for (size_t k = 1; k < n; ++k) {
    if (symbols[k] != symbols[k - 1]) no_blank_before[k] = from_log<P>(0);
  }
  states.blanks(0)[0] = p[kBlank];
  states.labels(0)[0] = p[static_cast<size_t>(symbols.front())];
  scale_row(states, 0);
  for (int64_t t = 1; t < frames; ++t) {
    const P* here = p.data() + t * classes;
    const P *blank_before = states.blanks(t - 1), *label_before = states.labels(t - 1);
    P *blank = states.blanks(t), *label = states.labels(t);
    for (int64_t k = 0; k <= count; ++k)
      blank[k] = (blank_before[k] + label_before[k - 1]) * here[kBlank];
    for (size_t k = 0; k < n; ++k) of_symbol[k] = here[symbols[k]];
    const P *skip = no_blank_before.data(), *emitted = of_symbol.data();
    for (int64_t k = 0; k < count; ++k)
      label[k] = (label_before[k] + blank_before[k] + skip[k] * label_before[k - 1]) * emitted[k];
    scale_row(states, t);
  }
  states.log_total +=
      log_of(states.blanks(frames - 1)[count] + states.labels(frames - 1)[count - 1]);
  return states;
}

template <class P>
std::vector<P> probabilities(std::span<const float> log_p) {
  std::vector<P> p;
  p.reserve(log_p.size());
  for (const float each : log_p) p.push_back(from_log<P>(each));
  return p;
}

template <class P>
std::vector<P> frames_reversed(const std::vector<P>& p, int64_t classes) {
  std::vector<P> reversed;
  reversed.reserve(p.size());
  for (auto end = p.end(); end != p.begin(); end -= classes)
    reversed.insert(reversed.end(), end - classes, end);
  return reversed;
}

// False where probabilities that matter underflowed: the sum over all sequences, which follows from
// the states of any one frame, is not the same for all of them.
template <class P>
bool sum_both_ways(std::span<const float> log_p, int64_t classes, std::span<const int64_t> symbols,
                   CtcPosteriors& result) {
  constexpr double kTolerance = 1e-6;
  const std::vector<P> p = probabilities<P>(log_p);
  const std::vector<int64_t> symbols_back(symbols.rbegin(), symbols.rend());
  const CtcStates<P> forward = sum_forward<P>(p, classes, symbols);
  const CtcStates<P> backward = sum_forward<P>(frames_reversed(p, classes), classes, symbols_back);
  const int64_t frames = std::ssize(p) / classes, count = std::ssize(symbols);
  result = {-forward.log_total, {}};
  result.shares.reserve(p.size());
  std::vector<P> of_class(static_cast<size_t>(classes));
  for (int64_t t = 0; t < frames; ++t) {
    const int64_t back = frames - 1 - t;
    const P *blank = forward.blanks(t), *blank_after = backward.blanks(back) + count;
    const P *label = forward.labels(t), *label_after = backward.labels(back) + count - 1;
    std::ranges::fill(of_class, from_log<P>(kLogOfZero));
    P of_blanks = from_log<P>(kLogOfZero);
    for (int64_t k = 0; k <= count; ++k) of_blanks = of_blanks + blank[k] * blank_after[-k];
    of_class[kBlank] = of_blanks;
    for (int64_t k = 0; k < count; ++k) {
      P& same = of_class[static_cast<size_t>(symbols[static_cast<size_t>(k)])];
      same = same + label[k] * label_after[-k];
    }
    P sum = from_log<P>(kLogOfZero);
    for (int64_t c = 0; c < classes; ++c) {  // both ways hold the frame itself
      P& same = of_class[static_cast<size_t>(c)];
      if (is_zero(same)) continue;
      same = same / p[static_cast<size_t>(t * classes + c)];
      sum = sum + same;
    }
    const double total = log_of(sum) + forward.log_sums[static_cast<size_t>(t)] +
                         backward.log_sums[static_cast<size_t>(back)];
    if (!(std::abs(total - forward.log_total) <= kTolerance * (1 + std::abs(total)))) return false;
    for (const P& same : of_class)
      result.shares.push_back(static_cast<float>(probability_value(same / sum)));
  }
  return true;
}

int64_t least_frames(std::span<const int64_t> symbols) {  // a blank between equal ones
  auto least = std::ssize(symbols);
  for (size_t k = 1; k < symbols.size(); ++k) least += symbols[k] == symbols[k - 1] ? 1 : 0;
  return least;
}

}  // namespace

CtcPosteriors ctc_posteriors(std::span<const float> log_p, int64_t classes,
                             std::span<const int64_t> symbols) {
  CONCERTINA_ASSERT(!symbols.empty() && !log_p.empty());
  if (std::ssize(log_p) / classes < least_frames(symbols)) return {-kLogOfZero, {}};
  CtcPosteriors result;
  if (sum_both_ways<double>(log_p, classes, symbols, result) ||
      sum_both_ways<LogProbability>(log_p, classes, symbols, result))
    return result;
  return {-kLogOfZero, {}};
}

}  // namespace concertina
