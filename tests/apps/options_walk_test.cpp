// Every option of every verb, as the program describes itself, with extreme and invalid values: an
// exit code of core/errors.h with one sentence, and no input is changed. Runs in this process: a
// start of the program costs most of a second.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "apps/verb.h"
#include "core/errors.h"
#include "core/files.h"
#include "core/hash.h"
#include "distill/objective/objective_kinds.h"
#include "pipeline/pipeline_config.h"
#include "study/study_file.h"
#include "supernet/model/model_file.h"
#include "supernet/space/search_space_config.h"

namespace concertina {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

const std::string kHuge(5000, 'x');

struct Outcome {
  int code = 0;
  std::string errors;
};

Outcome run(Words words) {
  words.insert(words.begin(), "--quiet");
  std::reverse(words.begin(), words.end());  // as CLI11 wants them
  Globals globals;
  const auto app = make_program(globals);
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  Outcome outcome;
  outcome.code = run_guarded(*app, [&] { app->parse(std::move(words)); });
  outcome.errors = ::testing::internal::GetCapturedStderr();
  ::testing::internal::GetCapturedStdout();
  return outcome;
}

struct Verb {
  Words path;  // "study", "export"
  const CLI::App* app;
};

void collect(const CLI::App& app, const Words& path, std::vector<Verb>& verbs) {
  const auto below = app.get_subcommands([](const CLI::App*) { return true; });
  if (below.empty()) verbs.push_back({path, &app});
  for (const CLI::App* verb : below) {
    Words longer = path;
    longer.push_back(verb->get_name());
    collect(*verb, longer, verbs);
  }
}

// A folder of inputs of every kind, and one where results go, which is the working folder.
class OptionsWalk : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::temp_directory_path() / ("concertina-walk-" + std::to_string(::getpid()));
    fs::remove_all(root_);
    fs::create_directories(root_ / "inputs/none");
    fs::create_directories(root_ / "work");
    // No programs: `corpus synthesize` would run those of speech synthesis for minutes.
    ::setenv("PATH", (root_ / "inputs/none").c_str(), 1);
    before_ = fs::current_path();
    fs::current_path(root_ / "work");
    make_inputs();
    for (const auto& entry : fs::directory_iterator(root_ / "inputs")) {
      if (entry.is_regular_file()) hashes_[entry.path()] = sha256_file(entry.path());
    }
  }
  void TearDown() override {
    fs::current_path(before_);
    fs::remove_all(root_);
  }

  std::string input(const std::string& name) const { return (root_ / "inputs" / name).string(); }

  static std::string scores() {
    return R"({"models": [{"name": "a", "scores": [{"metric": "ks.acc", "value": 50, "low": 0, "high": 100,
      "hits": [1, 0], "totals": [1, 1]}]}]})";
  }

  // One second of 16 kHz mono 16-bit silence.
  static std::string silence() {
    constexpr char kHeader[] =
        "RIFF\x24\x7d\0\0WAVEfmt "
        "\x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data\0\x7d\0";
    return std::string(kHeader, sizeof(kHeader)) + std::string(32000, '\0');
  }

  void make_inputs() const {
    const SearchSpace space =
        load_search_space(fs::path(CONCERTINA_SOURCE_DIR) / "configs/spaces/tiny.yaml");
    save_model(Supernet::random(space, Rng(1)), input("model.safetensors"));
    StudyHeader header;
    header.space_json = json_of(space);
    header.objectives = {{"distill.l1", Direction::kMinimise, ""}};
    StudyFile::create(input("study.db"), header);
    write_atomically(input("a.wav"), silence());
    write_atomically(input("m.tsv"), "id\tpath\tsamples\na\ta.wav\t16000\n");
    write_atomically(input("scores.json"), scores());
    write_atomically(input("superb.tsv"), "model\tPR\nm\t5\n");
    write_atomically(input("metrics.jsonl"), "{\"step\": 1}\n");
    std::string config = read_text(fs::path(CONCERTINA_SOURCE_DIR) / "configs/smoke.yaml");
    const std::string from = "spaces/tiny.yaml";
    config.replace(config.find(from), from.size(),
                   CONCERTINA_SOURCE_DIR "/configs/spaces/tiny.yaml");
    const std::string tier = "tier: smoke";
    config.replace(config.find(tier), tier.size(), "manifest: gone.tsv");
    write_atomically(input("c.yaml"), config);
  }

  // A valid value of each required option, by its name; add those of new verbs here.
  std::string valid_value(const std::string& option) const {
    static const std::map<std::string, std::string> kInputs = {
        {"MODEL", "model.safetensors"}, {"CHECKPOINT", "model.safetensors"},
        {"SPACE", "model.safetensors"}, {"STUDY", "study.db"},
        {"CONFIG", "c.yaml"},           {"AUDIO", "a.wav"},
        {"MANIFEST", "m.tsv"},          {"PATH", "a.wav"},
        {"SCORES", "scores.json"},      {"OTHER", "scores.json"},
        {"RESULTS", "superb.tsv"},      {"--data", "m.tsv"}};
    static const std::map<std::string, std::string> kValues = {
        {"--out", "out"},       {"--root", "root"}, {"--format", "pt"},
        {"--arch", "smallest"}, {"--stage", "1"},   {"NAME", "no-such-model"}};
    if (const auto found = kInputs.find(option); found != kInputs.end())
      return input(found->second);
    const auto found = kValues.find(option);
    EXPECT_TRUE(found != kValues.end()) << "valid_value() does not know " << option;
    return found == kValues.end() ? "" : found->second;
  }

  // Options that keep a verb short or off the network.
  std::map<std::string, std::string> extras(const Words& path) const {
    if (path == Words{"bench"}) return {{"--seconds", "0.2"}, {"--repetitions", "1"}};
    if (path == Words{"latency", "profile"}) return {{"--points", "1"}, {"--seconds", "0.2"}};
    if (path == Words{"corpus", "fetch"}) return {{"--from", input("none")}};
    if (path == Words{"eval"} || path == Words{"attack"}) return {{"--data", input("m.tsv")}};
    if (path == Words{"extract"}) return {{"--arch", "smallest"}};
    if (path == Words{"model", "sort"}) return {{"--score", "magnitude"}};
    return {};
  }

  static std::string name_of(const CLI::Option& option) {
    if (!option.get_lnames().empty()) return "--" + option.get_lnames().front();
    if (!option.get_snames().empty()) return "-" + option.get_snames().front();
    return option.get_name(/*positional=*/true);
  }

  // The verb with all it needs, but `walked` is `value`.
  Words command(const Verb& verb, const CLI::Option& walked, const std::string& value) const {
    std::map<std::string, std::string> flags = extras(verb.path);
    std::vector<std::string> places;
    for (const CLI::Option* option : verb.app->get_options()) {
      const std::string name = name_of(*option);
      if (!option->nonpositional()) {
        places.push_back(option == &walked ? value : valid_value(name));
      } else if (option->get_required()) {
        flags[name] = valid_value(name);
      }
    }
    if (walked.nonpositional()) flags[name_of(walked)] = value;
    Words words = verb.path;
    for (const auto& [name, given] : flags) words.insert(words.end(), {name, given});
    words.emplace_back("--");
    words.insert(words.end(), places.begin(), places.end());
    return words;
  }

  void expect_inputs_unchanged(const std::string& line) const {
    for (const auto& [path, hash] : hashes_) {
      ASSERT_TRUE(fs::exists(path)) << line << " removed " << path;
      ASSERT_EQ(sha256_file(path), hash) << line << " changed " << path;
    }
  }

  void expect_clean_exit(const Words& words, bool must_fail) const {
    std::string line = "concertina";
    for (const std::string& word : words) line += " '" + word.substr(0, 60) + "'";
    std::fprintf(stderr, "%s\n", line.c_str());  // names what a crash was at
    const Outcome outcome = run(words);
    EXPECT_THAT(outcome.code, ::testing::AnyOf(0, 1, 2, 3, 4, 5)) << line << outcome.errors;
    if (must_fail) {
      EXPECT_EQ(outcome.code, 2) << line;
    }
    if (outcome.code != 0) {
      expect_a_sentence(line, outcome.errors);
    }
    expect_inputs_unchanged(line);
  }

  // One sentence, after lines of the log; the problems of a config are a line each, with its place.
  static void expect_a_sentence(const std::string& line, const std::string& errors) {
    const std::regex log("[0-9:]{8} (info|warning) .*"), problem("/.*:[0-9]+:[0-9]+: .*");
    std::istringstream lines(errors);
    int sentences = 0;
    for (std::string next; std::getline(lines, next);) {
      if (next.starts_with("concertina: ")) ++sentences;
      const bool known =
          next.starts_with("concertina: ") ||
          (sentences == 0 ? std::regex_match(next, log) : std::regex_match(next, problem));
      EXPECT_TRUE(known) << line << "\n" << errors;
    }
    EXPECT_EQ(sentences, 1) << line << "\n" << errors;
  }

  fs::path root_, before_;
  std::map<fs::path, std::string> hashes_;
};

// Bounds of a number; nothing for other options.
std::optional<Bounds> bounds_of(const CLI::Option& option) {
  Bounds bounds;
  const std::string type = option.get_type_name();
  const size_t colon = type.find(':');
  if (colon == std::string::npos) return std::nullopt;
  const int read = std::sscanf(type.c_str() + colon + 1, "%lf to %lf", &bounds.low, &bounds.high);
  return read == 2 ? std::optional(bounds) : std::nullopt;
}

// Keeps times or a latency model in a study that is there.
bool adds_to_studies(const Words& verb, const CLI::Option& option) {
  return verb == Words{"latency", "fit"} ||
         (verb == Words{"latency", "profile"} && option.check_lname("study"));
}

TEST_F(OptionsWalk, NoValueCrashesOrDestroysAnInput) {
  Globals globals;
  const auto program = make_program(globals);
  std::vector<Verb> verbs;
  collect(*program, {}, verbs);
  ASSERT_GT(verbs.size(), 20u);
  std::set<std::string> numbers;
  for (const Verb& verb : verbs) {
    std::vector<const CLI::Option*> options = verb.app->get_options();
    if (verb.path == Words{"space", "show"}) {
      for (const CLI::Option* option : program->get_options()) options.push_back(option);
    }
    for (const CLI::Option* option : options) {
      if (option->get_items_expected_max() == 0) continue;  // a flag
      const auto bounds = bounds_of(*option);
      if (option->get_type_name().starts_with("INT") ||
          option->get_type_name().starts_with("UINT") ||
          option->get_type_name().starts_with("FLOAT")) {
        EXPECT_TRUE(bounds) << name_of(*option) << " has no bounds";
        numbers.insert(name_of(*option));
      }
      for (const std::string& value : Words{"0", "-1", "nan", "", "1e300", "1000000000000"}) {
        const double number = std::strtod(value.c_str(), nullptr);
        if (bounds && !value.empty() && bounds->holds(number)) continue;  // valid
        expect_clean_exit(command(verb, *option, value), bounds.has_value());
      }
      if (bounds) continue;
      expect_clean_exit(command(verb, *option, kHuge), false);
      for (const auto& [path, hash] : hashes_) {
        if (adds_to_studies(verb.path, *option) && path == input("study.db")) continue;
        expect_clean_exit(command(verb, *option, path.string()), false);
      }
      fs::remove_all(root_ / "work");
      fs::create_directories(root_ / "work");
      fs::current_path(root_ / "work");
    }
  }
  EXPECT_GE(numbers.size(), 8u);
}

// An output that is an input is rejected, and so is an existing file of another kind.
TEST_F(OptionsWalk, ResultsDoNotReplaceInputs) {
  Globals globals;
  const auto program = make_program(globals);
  std::vector<Verb> verbs;
  collect(*program, {}, verbs);
  int checked = 0;
  for (const Verb& verb : verbs) {
    for (const CLI::Option* option : verb.app->get_options()) {
      const std::string name = name_of(*option);
      if (name != "--out") continue;
      for (const auto& [path, hash] : hashes_) {
        if (adds_to_studies(verb.path, *option) && path == input("study.db")) continue;
        const Words words = command(verb, *option, path.string());
        const bool read = std::count(words.begin(), words.end(), path.string()) > 0;
        const Outcome outcome = run(words);
        if (read) {
          EXPECT_EQ(outcome.code, 2) << verb.path.back() << " " << path << outcome.errors;
        }
        expect_inputs_unchanged(verb.path.back());
        ++checked;
      }
      fs::create_hard_link(input("model.safetensors"), root_ / "work/link");
      run(command(verb, *option, (root_ / "work/link").string()));
      expect_inputs_unchanged(verb.path.back());
      fs::remove_all(root_ / "work/link");
    }
  }
  EXPECT_GT(checked, 40);
}

TEST_F(OptionsWalk, EvalTakesTheOptionsOfTasksByName) {
  const auto errors_of = [&](const std::string& assignment, int code = 2) {
    const Outcome outcome =
        run({"eval", input("model.safetensors"), "--data", input("m.tsv"), "--set", assignment});
    EXPECT_EQ(outcome.code, code) << assignment;
    return outcome.errors;
  };
  EXPECT_THAT(errors_of("tasks.fidelty=0.1"), ::testing::HasSubstr("did you mean 'fidelity'?"));
  EXPECT_THAT(errors_of("tasks.fidelity=2"), ::testing::HasSubstr("expected 0.001 to 1"));
  EXPECT_THAT(errors_of("stage1.steps=2"), ::testing::HasSubstr("unknown key"));
  // The option counts: this file of clips is missing.
  EXPECT_THAT(errors_of("tasks.data.sid=gone.tsv", 3), ::testing::HasSubstr("gone.tsv"));
}

// An assignment that makes `row` an option, and the option's bounds there.
struct Known {
  std::string assignment;
  Bounds bounds;
};

// The kinds of objectives that have it, each with bounds of its own, or none.
std::vector<Known> made_known_by(const OptionRow& row) {
  for (const std::string section : {"stage1.objective.", "stage2.objective."}) {
    if (!row.key.starts_with(section)) continue;
    std::vector<Known> known;
    for (const std::string& kind : objective_names()) {
      for (const OptionRow& own : objective_kind(kind).list("")) {
        if (own.key == row.key.substr(section.size()) && own.bounds)
          known.push_back({section + "kind=" + kind, *own.bounds});
      }
    }
    return known;
  }
  return {{"sort.score=magnitude", *row.bounds}};
}

// Every number of a pipeline file has bounds, and a value outside them is named.
TEST_F(OptionsWalk, ConfigNumbersHaveBounds) {
  const auto parse = [&](const std::string& before, const std::string& assignment) {
    ConfigFile file = ConfigFile::load(input("c.yaml"));
    file.set("sort.score=magnitude");
    file.set(before);
    file.set(assignment);
    PipelineConfig::parse(file);
  };
  const auto expect_rejected = [&](const std::string& key, const std::string& before,
                                   const std::string& value) {
    try {
      parse(before, key + "=" + value);
      ADD_FAILURE() << key << "=" << value << " was taken with " << before;
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(), ::testing::AllOf(::testing::HasSubstr(key + ": expected"),
                                                 ::testing::HasSubstr("found")))
          << before;
    }
  };
  int64_t numbers = 0;
  for (const OptionRow& number : pipeline_options()) {
    if (!number.is_number) continue;
    ++numbers;
    ASSERT_TRUE(number.bounds) << number.key << " has no bounds";
    const std::vector<Known> known = made_known_by(number);
    ASSERT_FALSE(known.empty()) << number.key;
    for (const auto& [before, bounds] : known) {
      for (const std::string& value :
           {std::to_string(bounds.low - 1), std::to_string(2 * bounds.high + 1), std::string("nan"),
            std::string(".inf"), std::string("-.inf"), std::string("''"), std::string("[]")}) {
        expect_rejected(number.key, before, value);
      }
    }
  }
  EXPECT_GT(numbers, 60);
}

bool is_known(const std::string& flag, const CLI::App& verb, const CLI::App& program) {
  const auto has = [&](const CLI::App& app) {
    return app.get_option_no_throw(flag.substr(0, flag.find('='))) != nullptr;
  };
  return has(verb) || has(program);
}

// Help is written alike everywhere: sentences start in lower case and have no full stop, each verb has
// examples with flags that exist, and what is written is -o,--out.
TEST(Help, IsAlike) {
  Globals globals;
  const auto program = make_program(globals);
  std::vector<Verb> verbs;
  collect(*program, {}, verbs);
  const std::regex capital("[A-Z][a-z].*");
  for (const Verb& verb : verbs) {
    std::string name = "concertina";
    for (const std::string& word : verb.path) name += " " + word;
    Words sentences = {verb.app->get_description()};
    for (const CLI::Option* option : verb.app->get_options()) {
      sentences.push_back(option->get_description());
      if (option->check_sname("o") || option->check_lname("output")) {
        EXPECT_TRUE(option->check_lname("out") && option->check_sname("o")) << name;
      }
    }
    for (const std::string& sentence : sentences) {
      const bool is_own = sentence != "Print this help message and exit";  // CLI11's
      EXPECT_FALSE(is_own && std::regex_match(sentence, capital)) << name << ": " << sentence;
      EXPECT_FALSE(sentence.ends_with('.')) << name << ": " << sentence;
    }
    std::istringstream lines(verb.app->get_footer());
    int examples = 0;
    for (std::string line; std::getline(lines, line);) {
      if (line.find("  ") != 0) continue;
      ++examples;
      EXPECT_NE(line.find(name), std::string::npos) << name << ": " << line;
      std::istringstream words(line.substr(line.find("concertina")));
      for (std::string word; words >> word;) {
        const bool is_flag = word.starts_with("--") || (word.size() == 2 && word[0] == '-');
        EXPECT_TRUE(!is_flag || is_known(word, *verb.app, *program)) << line << ": " << word;
      }
    }
    EXPECT_GT(examples, 0) << name;
  }
}

}  // namespace
}  // namespace concertina
