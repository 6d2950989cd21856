#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>

#include "core/errors.h"
#include "search/executor.h"
#include "tests/search/formulas.h"

namespace concertina {
namespace {

using std::chrono::seconds;

class CallbackEvaluator : public FormulaEvaluator {
 public:
  explicit CallbackEvaluator(std::function<void(const WorkGroup&)> body) : body_(std::move(body)) {}
  GroupResult run(const WorkGroup& group, const StopToken&) const override {
    body_(group);
    GroupResult result;
    for (const Proposal& p : group.proposals) result.push_back({p.number, {{"loss", 1}}, "", 0, 0});
    return result;
  }

 private:
  std::function<void(const WorkGroup&)> body_;
};

std::vector<WorkGroup> groups_of_one(int64_t count) {
  std::vector<WorkGroup> groups;
  for (int64_t i = 0; i < count; ++i) groups.push_back({{{i, pocket_space().smallest(), {}}}});
  return groups;
}

TEST(Executor, AsManyGroupsAtOnceAsWorkersOnAnyMachine) {
  for (const int32_t workers : {1, 2, 4}) {
    std::mutex mutex;
    std::condition_variable all_here;
    int32_t here = 0;
    bool met = false;
    const CallbackEvaluator evaluator([&](const WorkGroup&) {
      std::unique_lock lock(mutex);
      met = met || ++here == workers;
      all_here.notify_all();
      all_here.wait_for(lock, seconds(20), [&] { return met; });
    });
    make_tbb_executor(workers)->run(evaluator, groups_of_one(workers), {},
                                    [](const GroupResult&) {});
    EXPECT_TRUE(met) << workers;
  }
}

TEST(Executor, DoneIsCalledOnTheCallersThreadOnly) {
  const CallbackEvaluator evaluator([caller = std::this_thread::get_id()](const WorkGroup&) {
    EXPECT_NE(std::this_thread::get_id(), caller);
  });
  std::set<int64_t> numbers;
  std::set<std::thread::id> threads;
  std::atomic<int32_t> started = 0;
  make_tbb_executor(2, [&] {
    ++started;
  })->run(evaluator, groups_of_one(50), {}, [&](const GroupResult& result) {
    numbers.insert(result.at(0).number);
    threads.insert(std::this_thread::get_id());
    EXPECT_GT(result[0].wall_s, 0);
    EXPECT_LT(result[0].worker, 2);
  });
  EXPECT_EQ(numbers.size(), 50u);
  EXPECT_EQ(threads, std::set{std::this_thread::get_id()});
  EXPECT_GE(started, 1);
}

TEST(Executor, ASubnetThatThrowsIsOneFailedTrialAndTheOthersAreScored) {
  const CallbackEvaluator evaluator([](const WorkGroup& group) {
    for (const Proposal& p : group.proposals) {
      if (p.number == 4) throw std::runtime_error("Cholesky: not positive-definite");
      if (p.number == 8) throw std::out_of_range("at");
    }
  });
  std::vector<WorkGroup> groups(3);
  for (int64_t i = 0; i < 9; ++i)
    groups[static_cast<size_t>(i / 3)].proposals.push_back({i, pocket_space().smallest(), {}});
  std::map<int64_t, std::string> errors;
  make_tbb_executor(2)->run(evaluator, groups, {}, [&](const GroupResult& result) {
    for (const Evaluation& e : result) {
      EXPECT_TRUE(errors.emplace(e.number, e.error).second);
      EXPECT_EQ(e.values.empty(), !e.error.empty());
    }
  });
  EXPECT_EQ(errors.size(), 9u);
  EXPECT_EQ(errors[4], "Cholesky: not positive-definite");
  EXPECT_EQ(errors[8], "at");
  EXPECT_EQ(std::ranges::count_if(errors, [](const auto& e) { return e.second.empty(); }), 7);
}

TEST(Executor, ASystemErrorEndsTheRun) {
  const CallbackEvaluator broken([](const WorkGroup& group) {
    if (group.proposals[0].number == 3) throw SystemError("no disk");
  });
  EXPECT_THROW(make_tbb_executor(2)->run(broken, groups_of_one(8), {}, [](const GroupResult&) {}),
               SystemError);
}

TEST(Executor, AThrowingDoneEndsTheRun) {
  std::atomic<int32_t> ran = 0;
  const CallbackEvaluator evaluator([&](const WorkGroup&) {
    ++ran;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });
  EXPECT_THROW(make_tbb_executor(2)->run(evaluator, groups_of_one(1000), {},
                                         [](const GroupResult&) { throw SystemError("full"); }),
               SystemError);
  EXPECT_LT(ran, 1000);
}

TEST(Executor, StopsBetweenGroups) {
  StopSource source;
  int32_t done = 0;
  const CallbackEvaluator evaluator(
      [&](const WorkGroup&) { source.request(StopReason::kInterrupt); });
  make_tbb_executor(1)->run(evaluator, groups_of_one(10), source.token(),
                            [&](const GroupResult&) { ++done; });
  EXPECT_EQ(done, 1);
}

}  // namespace
}  // namespace concertina
