# Language level, warnings for our own code, compiler cache, linker, sanitizers.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

# The hot loops are in LibTorch: -O3 would only make builds longer.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")

find_program(CONCERTINA_CCACHE ccache)
if(CONCERTINA_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # The sloppiness lets ccache cache objects built on a precompiled header.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CONCERTINA_CCACHE})
endif()
find_program(CONCERTINA_MOLD mold)
if(CONCERTINA_MOLD)
  # mold 1.10 may begin the read-only part of relocations on a page that is not mapped: such a program does not start.
  add_link_options(-fuse-ld=mold -Wl,-z,norelro)
endif()

# Linked by our own targets; headers of dependencies are SYSTEM and give no warnings.
add_library(concertina_flags INTERFACE)
target_compile_options(concertina_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
  -Wno-sign-conversion -Wno-missing-field-initializers -Wnon-virtual-dtor)
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU" OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(concertina_flags INTERFACE -Werror)  # newer ones may have other warnings
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(concertina_flags INTERFACE -Wno-restrict)  # g++ 12: false alarm on "literal" + std::string
endif()
if(CONCERTINA_UNITY AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(concertina_flags INTERFACE -Wno-subobject-linkage)  # "State" of a source with members of anonymous types
endif()
target_include_directories(concertina_flags INTERFACE $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}>)
if(CONCERTINA_SANITIZE)
  target_compile_options(concertina_flags INTERFACE -fsanitize=${CONCERTINA_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(concertina_flags INTERFACE -fsanitize=${CONCERTINA_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(concertina_flags INTERFACE -Wno-maybe-uninitialized)  # g++ 12: false alarms in <regex>
  endif()
endif()
