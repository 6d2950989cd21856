# A module is one static library, concertina::NAME, with the headers and sources of one folder:
#   concertina_module(NAME SOURCES a.cpp ... [LINK public dependencies] [PRIVATE private dependencies] [TORCH])
# This call is the one description of a module. Read from it: the library, the install rules (Package.cmake), which tests
# are built (tests/CMakeLists.txt), the checks below, and modules.json in the build folder, with which
# scripts/check_includes compares the includes and the head of ARCHITECTURE.md. Without the torch half a TORCH module is
# recorded only, and the rest of its CMakeLists.txt is skipped.
macro(concertina_module name)
  _concertina_record(${name} ${ARGN})
  _concertina_library(${name} ${ARGN})
  if(NOT TARGET concertina_${name})
    return()  # of the calling file: this is a macro
  endif()
endmacro()

# Dependencies come before what depends on them, so there is no cycle; those of a torch-free module are torch-free.
function(_concertina_check_dependencies folder torch dependencies)
  get_property(modules GLOBAL PROPERTY CONCERTINA_MODULES)
  foreach(dependency ${dependencies})
    if(NOT dependency IN_LIST modules)
      message(FATAL_ERROR "${folder} depends on concertina::${dependency}, which is no module above it in the list of the root's CMakeLists.txt.")
    endif()
    get_property(needs_torch GLOBAL PROPERTY CONCERTINA_MODULE_${dependency}_TORCH)
    if(needs_torch AND NOT torch)
      message(FATAL_ERROR "${folder} is torch-free but depends on concertina::${dependency}, which needs LibTorch.")
    endif()
  endforeach()
endfunction()

function(_concertina_modules_of result)  # the names in a list of targets such as concertina::core
  set(names ${ARGN})
  list(FILTER names INCLUDE REGEX "^concertina::")
  list(TRANSFORM names REPLACE "^concertina::" "")
  set(${result} "${names}" PARENT_SCOPE)
endfunction()

function(_concertina_record name)
  cmake_parse_arguments(MODULE "TORCH" "" "SOURCES;LINK;PRIVATE" ${ARGN})
  file(RELATIVE_PATH folder ${CMAKE_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  _concertina_modules_of(public ${MODULE_LINK})
  _concertina_modules_of(private ${MODULE_PRIVATE})
  _concertina_check_dependencies(${folder} ${MODULE_TORCH} "${public};${private}")
  if("torch" IN_LIST MODULE_LINK OR "torch" IN_LIST MODULE_PRIVATE)
    message(FATAL_ERROR "${folder} links LibTorch: its concertina_module() must have TORCH instead.")
  endif()
  set_property(GLOBAL APPEND PROPERTY CONCERTINA_MODULES ${name})
  set_property(GLOBAL PROPERTY CONCERTINA_MODULE_${name}_FOLDER ${folder})
  set_property(GLOBAL PROPERTY CONCERTINA_MODULE_${name}_TORCH ${MODULE_TORCH})
  string(TOLOWER ${MODULE_TORCH} torch)
  list(TRANSFORM public REPLACE "(.+)" "\"\\1\"")
  list(TRANSFORM private REPLACE "(.+)" "\"\\1\"")
  list(JOIN public ", " public)
  list(JOIN private ", " private)
  set_property(GLOBAL APPEND PROPERTY CONCERTINA_MODULE_RECORDS
    "{\"name\": \"${name}\", \"folder\": \"${folder}\", \"torch\": ${torch}, \"public\": [${public}], \"private\": [${private}]}")
endfunction()

# After the last concertina_module().
function(concertina_write_modules)
  get_property(records GLOBAL PROPERTY CONCERTINA_MODULE_RECORDS)
  list(JOIN records ",\n " records)
  file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/modules.json CONTENT "[${records}]\n")
endfunction()

function(_concertina_library name)
  cmake_parse_arguments(MODULE "TORCH" "" "SOURCES;LINK;PRIVATE" ${ARGN})
  if(MODULE_TORCH AND NOT CONCERTINA_TORCH_HALF)
    return()
  endif()
  set(target concertina_${name})
  add_library(${target} STATIC ${MODULE_SOURCES})
  add_library(concertina::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  target_link_libraries(${target} PUBLIC ${MODULE_LINK} PRIVATE $<BUILD_INTERFACE:concertina_flags> ${MODULE_PRIVATE})
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}>)
  concertina_unity(${target})
  if(MODULE_TORCH)
    target_link_libraries(${target} PUBLIC torch)
    concertina_precompile(${target} torch)
  else()
    concertina_precompile(${target} plain)
  endif()
endfunction()

# Sources with compile options of their own stay apart. Names in the anonymous namespaces of a module have to differ.
function(concertina_unity target)
  if(CONCERTINA_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
  endif()
endfunction()

# One precompiled header for each kind of target, made by the first that uses it. Sources still include what they use:
# CONCERTINA_PCH=OFF builds without. nlohmann/json.hpp is not in it: few sources need it, and its inline functions make
# every source that includes them instantiate its parser (0.35 s each).
set(concertina_pch_torch <ATen/ATen.h> <ATen/CPUGeneratorImpl.h>)
set(concertina_pch_plain <algorithm> <filesystem> <map> <string> <vector> <fmt/format.h>)
set(concertina_pch_test ${concertina_pch_plain} <gmock/gmock.h> <gtest/gtest.h>)
set(concertina_pch_links_torch torch)
set(concertina_pch_links_test GTest::gmock)
set(concertina_pch_options_test -O0)

function(concertina_precompile target kind)  # kind: torch, plain or test
  if(NOT CONCERTINA_PCH)
    return()
  endif()
  set(carrier concertina_pch_${kind})
  if(NOT TARGET ${carrier})
    file(WRITE ${CMAKE_BINARY_DIR}/${carrier}.cpp "// Carries a precompiled header.\n")
    add_library(${carrier} OBJECT ${CMAKE_BINARY_DIR}/${carrier}.cpp)
    target_link_libraries(${carrier} PRIVATE concertina_flags fmt::fmt ${concertina_pch_links_${kind}})
    target_compile_options(${carrier} PRIVATE ${concertina_pch_options_${kind}})
    target_precompile_headers(${carrier} PRIVATE ${concertina_pch_${kind}})
  endif()
  target_precompile_headers(${target} REUSE_FROM ${carrier})
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "EXECUTABLE")  # the header was compiled with -fPIC, not -fPIE
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${target} PRIVATE -fPIC)
  endif()
endfunction()

# Sources of the calling module with TBB's templates; see core/tsan.h.
function(concertina_tbb_sources)
  if(CONCERTINA_SANITIZE MATCHES "thread")
    set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS -fno-sanitize=thread
                                COMPILE_DEFINITIONS CONCERTINA_TSAN SKIP_PRECOMPILE_HEADERS ON)
  endif()
endfunction()

# `test` again under the name NAME_ATEN, with LibTorch limited to ATEN's instructions and oneDNN to ONEDNN's.
function(_concertina_capped test aten onednn filter)
  add_test(NAME ${test}_${aten} COMMAND ${test} --gtest_filter=${filter})
  set_tests_properties(${test}_${aten} PROPERTIES LABELS "torch;capped" PROCESSORS 2
    ENVIRONMENT "OMP_WAIT_POLICY=passive;ATEN_CPU_CAPABILITY=${aten};ONEDNN_MAX_CPU_ISA=${onednn}")
endfunction()

# concertina_test(NAME SOURCES ... LINK modules [TORCH] [LABELS ...]): torch-free cases are discovered one by one;
# a torch binary is one ctest entry, because each start costs most of a second. CAPPED: a filter of its tests that run
# again as on CPUs with AVX2, and with AVX-512 but no bf16: kernels differ by instruction set.
function(concertina_test name)
  cmake_parse_arguments(TEST "TORCH" "CAPPED" "SOURCES;LINK;LABELS" ${ARGN})
  add_executable(${name} ${TEST_SOURCES})
  if(CONCERTINA_SANITIZE)
    target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/sanitizers.cpp)
  endif()
  target_link_libraries(${name} PRIVATE concertina_flags ${TEST_LINK} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE CONCERTINA_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  if(TEST_TORCH)
    concertina_precompile(${name} torch)
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES LABELS "torch;${TEST_LABELS}" PROCESSORS 2
                         ENVIRONMENT OMP_WAIT_POLICY=passive)  # spinning threads would slow other tests down
    if(TEST_CAPPED)
      _concertina_capped(${name} avx2 AVX2 "${TEST_CAPPED}")
      _concertina_capped(${name} avx512 AVX512_CORE "${TEST_CAPPED}")
    endif()
  else()
    target_compile_options(${name} PRIVATE ${concertina_pch_options_test})  # only the modules need to be fast
    concertina_precompile(${name} test)
    gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300 LABELS "torch-free;${TEST_LABELS}")
  endif()
endfunction()
