# Every outside library, found once. scripts/setup installs them.

# concertina_library(NAME HEADER): target NAME for a library without a CMake file.
function(concertina_library name header)
  find_path(CONCERTINA_${name}_INCLUDE ${header} REQUIRED)
  find_library(CONCERTINA_${name}_LIBRARY ${name} REQUIRED)
  mark_as_advanced(CONCERTINA_${name}_INCLUDE CONCERTINA_${name}_LIBRARY)
  add_library(${name} INTERFACE IMPORTED)
  target_include_directories(${name} SYSTEM INTERFACE ${CONCERTINA_${name}_INCLUDE})
  target_link_libraries(${name} INTERFACE ${CONCERTINA_${name}_LIBRARY})
endfunction()

find_package(Threads REQUIRED)
find_package(TBB REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
concertina_library(sndfile sndfile.h)
concertina_library(soxr soxr.h)
concertina_library(spandsp spandsp.h)

if(CONCERTINA_TORCH_HALF)
  find_package(CLI11 REQUIRED)
  include(FindTorch)
  # LibTorch contains Gloo but not its headers. Without them: training in one process only.
  find_path(GLOO_INCLUDE_DIR gloo/algorithm.h)
endif()
if(CONCERTINA_TESTS)
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()
