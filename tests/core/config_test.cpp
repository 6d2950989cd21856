#include "core/config.h"

#include <gmock/gmock.h>

#include <cmath>

#include "core/errors.h"
#include "core/files.h"

namespace concertina {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

template <class F>
std::string input_error(F&& action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return "no InputError";
}

std::string parse_error(const std::string& text) {
  return input_error([&] { ConfigFile::parse(text, "c.yaml"); });
}

TEST(Config, ReadsEveryType) {
  ConfigFile file = ConfigFile::parse(
      "flag: yes\nsmall: 10k\nbig: 27M\nexact: 9007199254740993\nrate: 1e-3\nname: pocket\n"
      "path: data/x\nheads: [2, 3]\none: 4\nweights: [0.5, 2k]\ntasks: [pr, '12']\nend: .inf\n");
  ConfigSection root = file.root();
  bool flag = false;
  int32_t small = 0;
  int64_t big = 0;
  int64_t exact = 0;
  double rate = 0;
  double end = 0;
  std::string name;
  std::filesystem::path path;
  std::vector<int32_t> heads;
  std::vector<int32_t> one;
  std::vector<double> weights;
  std::vector<std::string> tasks;
  root.read("flag", flag);
  root.read("small", small);
  root.read("big", big);
  root.read("exact", exact);
  root.read("rate", rate);
  root.read("end", end);
  root.read("name", name);
  root.read("path", path);
  root.read("heads", heads);
  root.read("one", one);
  root.read("weights", weights);
  root.read("tasks", tasks);
  file.finish();
  EXPECT_TRUE(flag);
  EXPECT_EQ(small, 10'000);
  EXPECT_EQ(big, 27'000'000);
  EXPECT_EQ(exact, 9007199254740993);
  EXPECT_DOUBLE_EQ(rate, 1e-3);
  EXPECT_TRUE(std::isinf(end));
  EXPECT_EQ(name, "pocket");
  EXPECT_EQ(path, "data/x");
  EXPECT_THAT(heads, ElementsAre(2, 3));
  EXPECT_THAT(one, ElementsAre(4));
  EXPECT_THAT(weights, ElementsAre(0.5, 2000.0));
  EXPECT_THAT(tasks, ElementsAre("pr", "12"));
}

TEST(Config, NumbersOutsideTheirBoundsAreProblems) {
  ConfigFile file = ConfigFile::parse(
      "steps: 0\nrate: .inf\nshare: -0.1\nlong: 1e15\nfine: 7\nnan: nan\n", "c.yaml");
  ConfigSection root = file.root();
  int32_t steps = 3, fine = 0, absent = 9;
  int64_t wide = 4;
  double rate = 1, share = 0.5, nan = 2;
  root.read("steps", steps, {1, 100});
  root.read("rate", rate, {0, 1e9});
  root.read("share", share, kShareBounds);
  root.read("long", wide, {1, 1e9});
  root.read("fine", fine, {1, 7});
  root.read("nan", nan, {0, 1});
  root.read("absent", absent, {1, 10});
  EXPECT_EQ(input_error([&] { file.finish(); }),
            "c.yaml:1:8: steps: expected 1 to 100, found '0'\n"
            "c.yaml:2:7: rate: expected 0 to 1000000000, found '.inf'\n"
            "c.yaml:3:8: share: expected 0 to 1, found '-0.1'\n"
            "c.yaml:4:7: long: expected 1 to 1000000000, found '1e15'\n"
            "c.yaml:6:6: nan: expected a number, found 'nan'");
  EXPECT_EQ(fine, 7);
  EXPECT_EQ(steps, 3);
  EXPECT_EQ(rate, 1);
  EXPECT_EQ(absent, 9);
}

TEST(Config, AbsentKeysKeepTheirDefaults) {
  ConfigFile file = ConfigFile::parse("");
  int32_t steps = 7;
  file.root().section("teacher").section("units").read("steps", steps);
  file.finish();
  EXPECT_EQ(steps, 7);
}

TEST(Config, WrongTypesAreAllReportedWithPlaceAndExpectation) {
  ConfigFile file = ConfigFile::parse(
      "teacher:\n  steps: many\n  rate: [1]\n  heads: [2, x]\n  wide: 5G\n  deep: 1.5\n  on: "
      "maybe\n"
      "  text: '5'\n  void:\n",
      "c.yaml");
  ConfigSection teacher = file.root().section("teacher");
  int32_t steps = 3;
  double rate = 1;
  std::vector<int32_t> heads = {9};
  bool on = false;
  teacher.read("steps", steps);
  teacher.read("rate", rate);
  teacher.read("heads", heads);
  teacher.read("wide", steps);
  teacher.read("deep", steps);
  teacher.read("on", on);
  teacher.read("text", steps);
  teacher.read("void", steps);
  EXPECT_EQ(input_error([&] { file.finish(); }),
            "c.yaml:2:10: teacher.steps: expected an integer of 32 bits, found 'many'\n"
            "c.yaml:3:3: teacher.rate: expected a number, found a list\n"
            "c.yaml:4:14: teacher.heads.1: expected an integer of 32 bits, found 'x'\n"
            "c.yaml:5:9: teacher.wide: expected an integer of 32 bits, found '5G'\n"
            "c.yaml:6:9: teacher.deep: expected an integer of 32 bits, found '1.5'\n"
            "c.yaml:7:7: teacher.on: expected true or false, found 'maybe'\n"
            "c.yaml:8:9: teacher.text: expected an integer of 32 bits, found the text '5'\n"
            "c.yaml:9:3: teacher.void: expected an integer of 32 bits, found nothing");
  EXPECT_EQ(steps, 3);
  EXPECT_THAT(heads, ElementsAre(9));
}

TEST(Config, UnknownKeysAreErrorsWithTheNearestKeyOfTheirLevel) {
  ConfigFile file = ConfigFile::parse("teacher:\n  step: 5\nzzzzzzzz: 1\n", "c.yaml");
  int32_t steps = 3;
  file.root().section("teacher").read("steps", steps);
  EXPECT_EQ(input_error([&] { file.finish(); }),
            "c.yaml:2:3: teacher.step: unknown key (did you mean 'steps'?)\n"
            "c.yaml:3:1: zzzzzzzz: unknown key (known here: teacher)");
}

TEST(Config, AllowedSubtreesAreNotChecked) {
  ConfigFile file = ConfigFile::parse("extra: {a: 1, b: {c: 2}}\nlist: [{x: 1}]");
  file.root().allow("extra");
  file.root().section("extra");
  EXPECT_THAT(input_error([&] { file.finish(); }), HasSubstr("list: unknown key"));
}

TEST(Config, ListsOfMapsAreSections) {
  ConfigFile file =
      ConfigFile::parse("budgets: [{params: 2M}, {latency: 15, typo: 1}, 7]", "c.yaml");
  const auto budgets = file.root().list("budgets");
  ASSERT_EQ(budgets.size(), 2u);
  int64_t params = 0;
  double latency = 0;
  for (ConfigSection budget : budgets) {
    budget.read("params", params);
    budget.read("latency", latency);
  }
  EXPECT_EQ(params, 2'000'000);
  EXPECT_EQ(input_error([&] { file.finish(); }),
            "c.yaml:1:39: budgets.1.typo: unknown key (known here: params, latency)\n"
            "c.yaml:1:49: budgets.2: expected a map, found '7'");
}

TEST(Config, ChoicesGiveTheIndex) {
  ConfigFile file = ConfigFile::parse("a: nsga2\nb: randon\n", "c.yaml");
  int32_t index = -1;
  file.root().read_choice("a", {"random", "nsga2"}, index);
  EXPECT_EQ(index, 1);
  file.root().read_choice("b", {"random", "nsga2"}, index);
  EXPECT_EQ(index, 1);
  EXPECT_EQ(
      input_error([&] { file.finish(); }),
      "c.yaml:2:4: b: expected one of random, nsga2, found 'randon' (did you mean 'random'?)");
}

TEST(Config, KeysAndQuestionsAboutThem) {
  ConfigFile file = ConfigFile::parse("m: {b: 1, a: 2}\ns: 1\n", "c.yaml");
  ConfigSection root = file.root();
  EXPECT_THAT(root.section("m").keys(), ElementsAre("b", "a"));
  EXPECT_TRUE(root.is_map("m"));
  EXPECT_FALSE(root.is_map("s"));
  EXPECT_TRUE(root.has("s"));
  EXPECT_FALSE(root.has("t"));
  EXPECT_EQ(root.where("s"), "c.yaml:2:4");
  EXPECT_EQ(root.section("m").where("missing"), "c.yaml:1:1");
}

TEST(Config, OwnProblemsCarryThePlace) {
  ConfigFile file = ConfigFile::parse("a: {b: 3}\n", "c.yaml");
  ConfigSection a = file.root().section("a");
  a.allow("b");
  a.problem("b", "must be even");
  a.problem("c", "is needed");
  EXPECT_EQ(input_error([&] { file.finish(); }),
            "c.yaml:1:1: a.c: is needed\nc.yaml:1:8: a.b: must be even");
}

TEST(Config, SetOverridesAndMakesMissingMaps) {
  ConfigFile file = ConfigFile::parse("a: {b: 1}\nlist: [{p: 1}, {p: 2}]\nnone:\n", "c.yaml");
  file.set("a.b=5");
  file.set("x.y.z=[1, 2]");
  file.set("list.1.p=3");
  file.set("none.k=v");
  EXPECT_EQ(file.dump(),
            "a:\n  b: 5\nlist:\n  - p: 1\n  - p: 3\nnone:\n  k: v\nx:\n  y:\n    z:\n      - 1\n   "
            "   - 2\n");
}

TEST(Config, ProblemsOfSetNameTheAssignment) {
  ConfigFile file = ConfigFile::parse("a: 1\nlist: [1]\n", "c.yaml");
  EXPECT_THAT(input_error([&] { file.set("a"); }), StartsWith("--set a: expected KEY=VALUE"));
  EXPECT_THAT(input_error([&] { file.set("a..b=1"); }), HasSubstr("expected KEY=VALUE"));
  EXPECT_EQ(input_error([&] { file.set("a.b=1"); }),
            "--set a.b=1: a is '1' at c.yaml:1:4, expected a map");
  EXPECT_THAT(input_error([&] { file.set("list.3=1"); }), HasSubstr("list is a list of 1 items"));
  EXPECT_THAT(input_error([&] { file.set("a=[1"); }), StartsWith("--set a=[1: no valid YAML"));
  file.set("a=word");
  int32_t a = 0;
  file.root().read("a", a);
  EXPECT_THAT(input_error([&] { file.finish(); }),
              StartsWith("--set a=word: a: expected an integer of 32 bits, found 'word'"));
}

TEST(Config, MalformedFilesAreInputErrorsWithAPlace) {
  EXPECT_THAT(parse_error("a: [1, 2\n"), StartsWith("c.yaml:2:1: no valid YAML"));
  EXPECT_THAT(parse_error("a: 1\n b: 2\n"), StartsWith("c.yaml:2:3: no valid YAML"));
  EXPECT_EQ(parse_error("- 1\n"), "c.yaml:1:1: expected a map of keys, found a list");
  EXPECT_EQ(parse_error("a: 1\nb: 2\na: 3\n"),
            "c.yaml:3:1: duplicate key 'a', first at c.yaml:1:1");
  EXPECT_THAT(parse_error("a: 1\n---\nb: 2\n"), HasSubstr("expected one YAML document"));
  EXPECT_THAT(parse_error("? [1]\n: 2\n"), HasSubstr("expected a plain name as key"));
  EXPECT_THAT(parse_error("a: &x\n  b: *x\n"), HasSubstr("c.yaml:"));
  EXPECT_THAT(parse_error(std::string(5000, '[')), HasSubstr("c.yaml:"));
}

TEST(Config, DumpIsCanonicalAndParsesBack) {
  const std::string text = "b: {z: '5', y: 5, n: ~}\na: [x, {}]\nc: []\nd: \"a\\nb\"\n";
  ConfigFile file = ConfigFile::parse(text);
  ConfigFile turned =
      ConfigFile::parse("d: \"a\\nb\"\nc: []\na: [x, {}]\nb: {n: ~, y: 5, z: '5'}\n");
  EXPECT_EQ(file.root().dump(), turned.root().dump());
  EXPECT_EQ(ConfigFile::parse(file.dump()).dump(), file.dump());
  EXPECT_NE(ConfigFile::parse("a: 5").root().dump(), ConfigFile::parse("a: '5'").root().dump());
}

TEST(Config, FilesResolvePathsAgainstTheirFolder) {
  const std::filesystem::path folder = ::testing::TempDir() + "config_test";
  make_directories(folder);
  write_atomically(folder / "c.yaml", "a: 1\n");
  const ConfigFile file = ConfigFile::load(folder / "c.yaml");
  EXPECT_EQ(file.directory(), folder);
  EXPECT_EQ(file.resolve("x/../y"), folder / "y");
  EXPECT_EQ(file.resolve("/abs"), "/abs");
  EXPECT_THROW(ConfigFile::load(folder / "none.yaml"), SystemError);
}

TEST(Config, AProblemOfAListItemHasItsPlace) {
  ConfigFile file = ConfigFile::parse("tasks: [pr,\n  sidd]\nlayers: 9\n", "c.yaml");
  ConfigSection root = file.root();
  std::vector<std::string> tasks;
  std::vector<int32_t> layers;
  root.read("tasks", tasks);
  root.read("layers", layers);
  root.problem("tasks", 1, "unknown task");
  root.problem("layers", 0, "too many");  // a scalar is a list of one
  EXPECT_EQ(input_error([&] { file.finish(); }),
            "c.yaml:2:3: tasks.1: unknown task\nc.yaml:3:9: layers: too many");
}

}  // namespace
}  // namespace concertina
