#include "speech/synthesis/words.h"

#include <algorithm>

#include "core/errors.h"

namespace concertina {
namespace {

using Words = std::string_view[];

constexpr Words kKeywords = {"yes", "no",    "up",   "down",  "left",  "right", "stop",
                             "go",  "start", "back", "open",  "close", "zero",  "one",
                             "two", "three", "four", "seven", "house", "music"};

constexpr Words kPersons = {"boy",   "girl",   "teacher", "farmer",  "captain", "sailor",
                            "judge", "uncle",  "cousin",  "thief",   "nurse",   "singer",
                            "king",  "mother", "father",  "brother", "child",   "engineer"};
constexpr Words kGivenNames = {"mary", "george", "ruth", "joyce", "arthur", "julia", "hugh", "zoe"};
constexpr Words kThings = {"treasure", "coin",  "shovel", "hammer", "basket",  "jar",
                           "chair",    "table", "cheese", "bread",  "book",    "letter",
                           "boat",     "watch", "cloth",  "toy",    "feather", "television",
                           "ring",     "wheel", "oil",    "flower", "pillow",  "thing"};
constexpr Words kDid = {"found",    "carried", "washed",    "measured", "pushed",
                        "borrowed", "sold",    "destroyed", "chose",    "bought",
                        "showed",   "hid",     "loved",     "forgot",   "kicked",
                        "joined",   "used",    "threw",     "pulled",   "enjoyed"};
constexpr Words kWent = {"laughed", "waited", "vanished", "coughed", "slept", "shouted",
                         "ran",     "walked", "yawned",   "stood",   "sang",  "jumped"};
constexpr Words kHow = {"quickly", "slowly", "loudly",       "again",    "together",  "usually",
                        "outside", "alone",  "thoughtfully", "casually", "carefully", "with joy"};
constexpr Words kQualities = {"old",   "yellow",  "thick", "smooth", "cheap",   "huge",
                              "quiet", "rough",   "good",  "beige",  "royal",   "wooden",
                              "heavy", "unusual", "new",   "young",  "strange", "other"};
constexpr Words kSpots = {"river",    "church", "garden",  "village",   "ship",
                          "beach",    "bridge", "station", "forest",    "school",
                          "mountain", "museum", "south",   "youth club"};
constexpr Words kNear = {"near", "behind", "under", "above", "beyond", "across", "beside", "by"};

constexpr Words kObjects = {"lights", "heating", "music", "fan"};
constexpr Words kPlaces = {"kitchen", "bedroom", "garage"};

constexpr Words kTimes = {"noon",        "midnight", "seven thirty",    "half past nine",
                          "five twenty", "ten",      "quarter to four", "eleven fifteen"};
constexpr Words kDays = {"monday", "tuesday",  "wednesday", "thursday",
                         "friday", "saturday", "sunday",    "tomorrow"};
constexpr Words kCities = {"london", "paris", "boston", "chicago",
                           "madrid", "tokyo", "berlin", "sydney"};
constexpr Words kFriends = {"martin", "sarah", "emma", "david", "laura", "peter", "anna", "robert"};
constexpr Words kItems = {"milk", "bread", "apples", "coffee", "rice", "soap", "oranges", "paper"};
constexpr Words kNumbers = {"two", "three", "four", "six", "eight", "ten", "twelve", "twenty"};

constexpr WordClass kClasses[] = {
    {"keyword", kKeywords},
    {"person", kPersons},
    {"name", kGivenNames},
    {"thing", kThings},
    {"did", kDid},
    {"went", kWent},
    {"how", kHow},
    {"quality", kQualities},
    {"spot", kSpots},
    {"near", kNear},
    {"object", kObjects, true},
    {"place", kPlaces, true},
    {"time", kTimes, true},
    {"day", kDays, true},
    {"city", kCities, true},
    {"friend", kFriends, true},
    {"item", kItems, true},
    {"number", kNumbers, true},
};

constexpr Pattern kSentences[] = {
    {Split::kTrain, "the {quality} {person} {did} the {thing} {near} the {spot}"},
    {Split::kTrain, "{name} {did} my {quality} {thing} and {went} {how}"},
    {Split::kTrain, "every {person} {near} the {spot} {went} {how}"},
    {Split::kTrain, "our {person} never {did} the {thing} of the {quality} {person}"},
    {Split::kTrain, "{how} the {person} {went}, and {name} {did} this {thing}"},
    {Split::kTrain, "there was no {thing} {near} the {quality} {spot}"},
    {Split::kTrain, "the {thing} that {name} {did} is {near} the {spot}"},
    {Split::kDev, "when the {person} {went}, {name} {did} her {quality} {thing}"},
    {Split::kDev, "those {quality} {spot} roads are {near} the {spot}"},
    {Split::kDev, "{name} and the {person} {did} that {thing} {how}"},
    {Split::kTest, "did {name} say that the {person} {did} his {quality} {thing}"},
    {Split::kTest, "both the {thing} and the {thing} were {near} our {spot}"},
    {Split::kTest, "for years this {quality} {person} {went} {near} the {spot} {how}"},
};

constexpr Pattern kCommands[] = {
    {Split::kTrain, "{verb} the {object} in the {place}"},
    {Split::kTrain, "please {verb} the {place} {object}"},
    {Split::kTrain, "in the {place}, {verb} the {object}"},
    {Split::kTrain, "now {verb} the {object} of the {place}"},
    {Split::kDev, "could you {verb} the {object} in the {place} for me"},
    {Split::kDev, "it is time to {verb} the {place} {object}"},
    {Split::kTest, "i want you to {verb} the {object} in the {place}"},
    {Split::kTest, "quickly {verb} the {place} {object}, would you"},
};

constexpr Pattern kRequests[] = {
    {Split::kTrain, "wake me at {time} on {day}"},
    {Split::kTrain, "set the alarm for {time}"},
    {Split::kTrain, "what is the weather in {city} on {day}"},
    {Split::kTrain, "will it rain in {city}"},
    {Split::kTrain, "call {friend} at {time}"},
    {Split::kTrain, "call {friend} and {friend}"},
    {Split::kTrain, "add {item} to my list"},
    {Split::kTrain, "buy {number} {item} on {day}"},
    {Split::kTrain, "start a timer for {number} minutes"},
    {Split::kTrain, "send {item} to {friend} in {city}"},
    {Split::kTrain, "on {day} we need {item} and {item}"},
    {Split::kTrain, "is there a train to {city} at {time}"},
    {Split::kDev, "remind me at {time} to call {friend}"},
    {Split::kDev, "is it cold in {city} on {day}"},
    {Split::kDev, "put {item} on the list for {day}"},
    {Split::kDev, "stop in {number} minutes"},
    {Split::kTest, "tell {friend} to meet me at {time} on {day}"},
    {Split::kTest, "how warm is {city}"},
    {Split::kTest, "please order {number} {item}"},
    {Split::kTest, "on {day} i will be in {city} at {time}"},
    {Split::kTest, "ask {friend} for {item}"},
    {Split::kTest, "in {number} minutes call {friend}"},
};

constexpr CommandAction kActions[] = {
    {"activate", {"turn on", "switch on"}},
    {"deactivate", {"turn off", "switch off"}},
    {"increase", {"turn up", "raise"}},
    {"decrease", {"turn down", "lower"}},
};

}  // namespace

const WordClass& word_class(std::string_view name) {
  const auto* found = std::ranges::find(kClasses, name, &WordClass::name);
  CONCERTINA_ASSERT(found != std::end(kClasses));
  return *found;
}

std::span<const Pattern> sentence_patterns() { return kSentences; }
std::span<const Pattern> command_patterns() { return kCommands; }
std::span<const Pattern> request_patterns() { return kRequests; }
std::span<const CommandAction> command_actions() { return kActions; }

}  // namespace concertina
