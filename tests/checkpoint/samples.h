// Small valid checkpoints in pieces, so that tests can change one piece and put them together
// again.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace concertina::testing {

using Ops = std::vector<std::string>;  // one pickle, opcode by opcode with its argument

// fairseq's layout: cfg.model, cfg.task, and the tensors of a tiny HuBERT under "model".
Ops fairseq_ops();
Ops distiller_ops();  // s3prl's of its student: Config.distiller, and the tensors under "Distiller"
Ops openai_ops();     // of a Whisper: dims, and the tensors under "model_state_dict"
std::string joined(const Ops& ops);

struct ZipField {  // a number somewhere in an archive
  size_t offset = 0;
  size_t bytes = 0;
};
struct ZipFile {
  std::string bytes;
  std::vector<ZipField> fields;  // of its headers and directory
};
ZipFile ctranslate2_file();  // model.bin of the same Whisper in fp32; all numbers are its fields
// A torch.save archive around a program; one storage, "0", of `storage_bytes` zeros.
ZipFile zip_around(const std::string& program, size_t storage_bytes);
// The older container around a program with the storages "0" of `elements` floats.
std::string legacy_around(const std::string& program, uint64_t elements);

nlohmann::json transformers_json();   // config.json of a tiny HuBERT
nlohmann::json fairseq_json();        // settings of a tiny WavLM, with the task's
nlohmann::json lighthubert_json();    // of the small supernet
nlohmann::json whisper_json();        // config.json of a tiny Whisper, with the preprocessor's
nlohmann::json distiller_json();      // "Config" of a tiny student
nlohmann::json shard_index_json();    // of its tensors in two files
nlohmann::json safetensors_header();  // of a model of ours: space in the metadata, tensors
std::string safetensors_around(const std::string& header);  // as many zeros as its tensors take

inline constexpr uint64_t kStorageFloats = 4096;  // enough for every sample's tensors

}  // namespace concertina::testing
