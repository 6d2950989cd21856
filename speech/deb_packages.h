// Debian packages as files: found, downloaded, checked, unpacked; never installed, no root needed.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/stop.h"

namespace concertina {

struct DebPackage {
  std::string name;
  std::string version;
  std::string sha256;     // of the file
  bool verified = false;  // the hash is the one `apt-cache show` gives for this version
  std::filesystem::path file;
};

// The package file in `folder` (NAME_*.deb; the last by name where there are several). SystemError
// when none is there; InputError when it is not that package, or apt knows another SHA256 for its
// version.
DebPackage find_deb(const std::string& name, const std::filesystem::path& folder,
                    const StopToken& stop);

// The same, downloading it into `folder` with `apt-get download` when it is not there or damaged.
// SystemError when apt cannot get it, with apt's own words.
DebPackage download_deb(const std::string& name, const std::filesystem::path& folder,
                        const StopToken& stop);

// Unpacks into `folder` (dpkg-deb -x). InputError when the file is damaged.
void unpack_deb(const DebPackage& package, const std::filesystem::path& folder,
                const StopToken& stop);

}  // namespace concertina
