#include "eval/ctc_loss.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <type_traits>
#include <utility>

#include "core/errors.h"
#include "eval/ctc_kernels.h"

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
bool is_zero(LogProbability p) { return p.log == kLogOfZero; }
double probability_value(double p) { return p; }
double probability_value(LogProbability p) { return std::exp(p.log); }

// eval/ctc_kernels.h says what these do; doubles have vectorised loops.
double ctc_row(const double* blanks_before, const double* labels_before, const double* skips,
               const double* emitted, double blank, double* blanks, double* labels,
               int64_t symbols) {
  return kernels::ctc_row(blanks_before, labels_before, skips, emitted, blank, blanks, labels,
                          symbols);
}
LogProbability ctc_row(const LogProbability* blanks_before, const LogProbability* labels_before,
                       const LogProbability* skips, const LogProbability* emitted,
                       LogProbability blank, LogProbability* blanks, LogProbability* labels,
                       int64_t symbols) {
  LogProbability sum;
  for (int64_t k = 0; k <= symbols; ++k) {
    blanks[k] = (blanks_before[k] + labels_before[k - 1]) * blank;
    sum = sum + blanks[k];
  }
  for (int64_t k = 0; k < symbols; ++k) {
    labels[k] =
        (labels_before[k] + blanks_before[k] + skips[k] * labels_before[k - 1]) * emitted[k];
    sum = sum + labels[k];
  }
  for (int64_t k = 0; k <= symbols; ++k) blanks[k] = blanks[k] / sum;
  for (int64_t k = 0; k < symbols; ++k) labels[k] = labels[k] / sum;
  return sum;
}

double product_with_reversed(const double* a, const double* b, int64_t count) {
  return kernels::product_with_reversed(a, b, count);
}
LogProbability product_with_reversed(const LogProbability* a, const LogProbability* b,
                                     int64_t count) {
  LogProbability sum;
  for (int64_t k = 0; k < count; ++k) sum = sum + a[k] * b[-k];
  return sum;
}

void multiply_by_reversed(const double* a, const double* b, double* out, int64_t count) {
  kernels::multiply_by_reversed(a, b, out, count);
}
void multiply_by_reversed(const LogProbability* a, const LogProbability* b, LogProbability* out,
                          int64_t count) {
  for (int64_t k = 0; k < count; ++k) out[k] = a[k] * b[-k];
}

double divide_where_not_zero(double* values, const double* p, int64_t count) {
  return kernels::divide_where_not_zero(values, p, count);
}
LogProbability divide_where_not_zero(LogProbability* values, const LogProbability* p,
                                     int64_t count) {
  LogProbability sum;
  for (int64_t c = 0; c < count; ++c) {
    if (is_zero(values[c])) continue;
    values[c] = values[c] / p[c];
    sum = sum + values[c];
  }
  return sum;
}

void exp_of_logs(const float* log_p, double* p, int64_t count) {
  kernels::exp_of_logs(log_p, p, count);
}
void exp_of_logs(const float* log_p, LogProbability* p, int64_t count) {
  for (int64_t i = 0; i < count; ++i) p[i] = {log_p[i]};
}

// Sums over the sequences of frames up to here, by state of the last of them. Of K symbols a row has
// 2 K + 2 states: the K + 1 blanks around them, a place that is always 0, the symbols.
template <class P>
class CtcSums {
 public:
  explicit CtcSums(std::span<const int64_t> symbols)
      : symbols_(symbols.begin(), symbols.end()),
        skips_(symbols.size(), from_log<P>(kLogOfZero)),
        of_symbol_(symbols.size()) {
    for (size_t k = 1; k < symbols.size(); ++k) {
      if (symbols[k] != symbols[k - 1]) skips_[k] = from_log<P>(0);
    }
  }

  int64_t count() const { return std::ssize(symbols_); }
  int64_t width() const { return 2 * count() + 2; }
  // Before the first frame: one way to be at the first blank, which reaches the first symbol, too.
  std::vector<P> first_row() const {
    std::vector<P> row(static_cast<size_t>(width()), from_log<P>(kLogOfZero));
    row.front() = from_log<P>(0);
    return row;
  }
  // From the row before to that of a frame of probabilities p [C], scaled to sum 1.
  void step(const P* before, const P* p, P* row) {
    for (size_t k = 0; k < symbols_.size(); ++k) of_symbol_[k] = p[symbols_[k]];
    log_sum_ += log_of(ctc_row(before, labels(before), skips_.data(), of_symbol_.data(), p[kBlank],
                               row, labels(row), count()));
    row[count() + 1] = from_log<P>(kLogOfZero);
  }
  P* labels(P* row) const { return row + count() + 2; }
  const P* labels(const P* row) const { return row + count() + 2; }
  double log_sum() const { return log_sum_; }  // of the last row before any was scaled

 private:
  std::vector<int64_t> symbols_;
  std::vector<P> skips_;      // 1 where a symbol may follow the one before it without a blank
  std::vector<P> of_symbol_;  // probabilities in a frame
  double log_sum_ = 0;
};

// What the sequences of the frames up to each one sum to, that frame included. p [T, C].
template <class P>
struct ForwardSums {
  CtcSums<P> sums;
  std::unique_ptr<P[]> rows;     // [T, width]
  std::vector<double> log_sums;  // [T]
  double log_total = 0;          // of the sum over all sequences

  ForwardSums(const std::vector<P>& p, int64_t classes, std::span<const int64_t> symbols)
      : sums(symbols) {
    const int64_t frames = std::ssize(p) / classes;
    rows = std::make_unique_for_overwrite<P[]>(static_cast<size_t>(frames * sums.width()));
    const std::vector<P> first = sums.first_row();
    const P* before = first.data();
    for (int64_t t = 0; t < frames; ++t) {
      sums.step(before, p.data() + t * classes, row(t));
      log_sums.push_back(sums.log_sum());
      before = row(t);
    }
    const int64_t count = sums.count();
    log_total = sums.log_sum() + log_of(before[count] + sums.labels(before)[count - 1]);
  }
  P* row(int64_t t) const { return rows.get() + t * sums.width(); }
};

template <class P>
std::vector<P> probabilities(std::span<const float> log_p) {
  std::vector<P> p(log_p.size());
  exp_of_logs(log_p.data(), p.data(), std::ssize(log_p));
  return p;
}

// False where probabilities that matter underflowed: the sum over all sequences, which follows from
// the states of any one frame, is not the same for all of them.
template <class P>
bool sum_both_ways(std::span<const float> log_p, int64_t classes, std::span<const int64_t> symbols,
                   CtcPosteriors& result) {
  constexpr double kTolerance = 1e-6;
  const std::vector<P> p = probabilities<P>(log_p);
  const std::vector<int64_t> symbols_back(symbols.rbegin(), symbols.rend());
  const ForwardSums<P> forward(p, classes, symbols);
  CtcSums<P> backward(symbols_back);
  const int64_t count = std::ssize(symbols);
  result = {-forward.log_total, std::vector<float>(p.size())};
  std::vector<P> of_class(static_cast<size_t>(classes)), of_symbol(symbols.size());
  std::vector<P> after = backward.first_row(), row = after;  // of sequences from the end to a frame
  for (int64_t t = std::ssize(p) / classes - 1; t >= 0; --t) {
    const P* here = p.data() + t * classes;
    backward.step(after.data(), here, row.data());
    after.swap(row);
    std::ranges::fill(of_class, from_log<P>(kLogOfZero));
    of_class[kBlank] = product_with_reversed(forward.row(t), after.data() + count, count + 1);
    multiply_by_reversed(forward.sums.labels(forward.row(t)),
                         backward.labels(after.data()) + count - 1, of_symbol.data(), count);
    for (size_t k = 0; k < symbols.size(); ++k) {
      P& same = of_class[static_cast<size_t>(symbols[k])];
      same = same + of_symbol[k];
    }
    // Both ways hold the frame itself.
    const P sum = divide_where_not_zero(of_class.data(), here, classes);
    const double total =
        log_of(sum) + forward.log_sums[static_cast<size_t>(t)] + backward.log_sum();
    if (!(std::abs(total - forward.log_total) <= kTolerance * (1 + std::abs(total)))) return false;
    float* shares = result.shares.data() + t * classes;
    for (int64_t c = 0; c < classes; ++c)
      shares[c] = static_cast<float>(probability_value(of_class[static_cast<size_t>(c)] / sum));
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
