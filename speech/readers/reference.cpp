#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "core/errors.h"
#include "speech/readers/readers.h"
#include "speech/readers/sound_folders.h"

namespace concertina {
namespace {

// The English voices of hedgewars-data say the same phrases, each in a file of its name; calls of
// pain and effort are no phrases. Their split is by voice: nine, of which two are dev and two test.
std::vector<SoundFiles> hedgewars_voices() {
  const auto english = [](const std::string& voices, Split split) {
    return std::vector<SoundFiles>{
        {"(" + voices + R"()/(?:Ow|Ooff|Ouch|Hmm|Laugh|Jump|Poison\w+)\d*\.ogg)", "en",
         "hedgewars-$1", "", "", split},
        {"(" + voices + R"()/(.+)\.ogg)", "en", "hedgewars-$1", "", "$2", split}};
  };
  std::vector<SoundFiles> files = {{R"(Robot/.+\.ogg)", "", "", "vocoded"},
                                   {R"((\w+?_([a-z]{2}))/.+\.ogg)", "$2", "hedgewars-$1"}};
  for (const auto& [voices, split] :
       {std::pair("Mobster|Singer", Split::kDev), std::pair("Pirate|Surfer", Split::kTest),
        std::pair(R"(\w+)", Split::kTrain)})
    std::ranges::move(english(voices, split), std::back_inserter(files));
  return files;
}

const std::map<std::string, SoundFolder>& sound_folders() {
  const SoundFiles tones = {R"((?:.+/)?(?:beep|beeperr|\w+-2tone|tt-monkeys)\.\w+)", "", "",
                            "not speech"};
  // digits/0 to digits/9: the keyword is the language and the digit.
  const auto digits = [](const std::string& extension, const std::string& language,
                         const std::string& speaker) {
    return SoundFiles{R"(digits/(\d)\)" + extension, language, speaker, "", language + " $1"};
  };
  // 7 to 13 % of the samples of these sets are at full scale.
  const std::string clipped = "clipped";
  static const std::map<std::string, SoundFolder> all = {
      {"asterisk-prompt-es-co",
       {"usr/share/asterisk/sounds/es",
        {tones, digits(".gsm", "es", "es_CO"), {R"(.+\.gsm)", "es", "es_CO"}}}},
      {"asterisk-prompt-fr-armelle",
       {"usr/share/asterisk/sounds/fr",
        {tones, digits(".gsm", "fr", "fr_FR_f_Armelle"), {R"(.+\.gsm)", "fr", "fr_FR_f_Armelle"}}}},
      {"asterisk-prompt-it-menardi-wav",
       {"usr/share/asterisk/sounds/it_IT_f_Menardi",
        {tones,
         {R"(silence/.+\.wav)", "", "", "silence, not speech"},
         digits(".wav", "it", "it_IT_f_Menardi"),
         {R"(.+\.wav)", "it", "it_IT_f_Menardi"}}}},
      {"drascula",
       {"usr/share/scummvm/drascula/en",
        {{R"(\d+\.ALS)", "en", "drascula-en-hero"},
         {R"(([A-Z]+)\d+\.ALS)", "en", "drascula-en-$1"}}}},
      {"drascula-spanish",
       {"usr/share/scummvm/drascula/es",
        {{R"(\d+\.ALS)", "es", "drascula-es-hero"},
         {R"(([A-Z]+)\d+\.ALS)", "es", "drascula-es-$1"}}}},
      {"fillets-ng-data-cs",
       {"usr/share/games/fillets-ng/sound", {{R"(.+/cs/.+\.ogg)", "cs", ""}}}},
      {"fillets-ng-data-nl",
       {"usr/share/games/fillets-ng/sound", {{R"(.+/nl/.+\.ogg)", "nl", ""}}}},
      {"gcin-voice", {"usr/share/gcin-voice/ogg", {{R"(.+/(\d)\.ogg)", "zh", "gcin-$1"}}}},
      {"hedgewars-data", {"usr/share/games/hedgewars/Data/Sounds/voices", hedgewars_voices()}},
      {"klettres-data",
       {"usr/share/klettres",
        {{R"(tn/.+\.ogg)", "", "", clipped},
         {R"((([a-z]+)(?:_[A-Z]+)?)/.+\.ogg)", "$2", "klettres-$1"}}}},
      {"ktuberling-data",
       {"usr/share/ktuberling/sounds",
        {{R"(([a-z]+)(?:@[a-z]+)?/.+\.(?:ogg|opus|wav))", "$1", "ktuberling-$1"}}}},
      // Files without _desc are sounds of what the stamp shows.
      {"tuxpaint-stamps-default",
       {"usr/share/tuxpaint/stamps",
        {{R"(.+_desc_es\.ogg)", "", "", clipped},
         {R"(.+_desc\.ogg)", "en", ""},
         {R"(.+_desc_([a-z]+)(?:_[A-Z]+)?\.(?:ogg|wav))", "$1", ""}}}},
  };
  return all;
}

}  // namespace

PackageClips read_sound_files(const std::filesystem::path& unpacked, const std::string& package) {
  const auto found = sound_folders().find(package);
  CONCERTINA_ASSERT(found != sound_folders().end());
  return read_sound_folder(unpacked, package, found->second);
}

}  // namespace concertina
