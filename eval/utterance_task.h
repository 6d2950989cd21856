// Inside eval: classification of whole clips, for tasks that differ only in what the classes are
// (speakers, keywords). A clip's features are the mean and the standard deviation over time of each
// layer; an LDA and a ridge probe classify them. Closed set: clips of classes that train does not
// have are left out.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "eval/task.h"
#include "eval/task_data.h"

namespace concertina {

struct UtteranceClasses {
  std::string task;                // prefix of the metrics TASK.acc (LDA) and TASK.acc_ridge
  std::string column;              // of the labels: "speaker"
  std::string all;                 // the classes, for messages: "22 speakers of 'SOURCE'"
  std::vector<std::string> names;  // of the classes
  std::vector<ClipClass> clips;    // of any split and length; manifest order
};

// A task on the clips of train and `split` that are long enough, as many of them as the options'
// fidelity says; `missing` when train or the split has none, no class of the split is in train, or
// train has a single class.
PreparedTask utterance_task(const Manifest& manifest, const UtteranceClasses& classes,
                            const TaskOptions& options, Split split);

}  // namespace concertina
