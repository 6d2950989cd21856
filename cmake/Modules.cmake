# A module is one static library, concertina::NAME, with the headers and sources of one folder.
#   concertina_module(NAME SOURCES a.cpp ... [LINK public deps] [PRIVATE private deps] [TORCH])
# The layer check below holds the arrows of ARCHITECTURE.md: a module without TORCH may not reach LibTorch.
define_property(TARGET PROPERTY CONCERTINA_TORCH BRIEF_DOCS "module of the torch half")

# One precompiled header a kind of target, made by the first that asks for it. Sources still include what they use:
# CONCERTINA_PCH=OFF builds without. Left out on purpose: nlohmann/json.hpp, which few sources need and whose inline
# functions make every source that sees them instantiate its parser (0.35 s each).
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
  if(type STREQUAL "EXECUTABLE")  # the header was compiled with -fPIC; -fPIE would not fit it
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${target} PRIVATE -fPIC)
  endif()
endfunction()

# Sources of the calling module that hold TBB's templates; see core/tsan.h.
function(concertina_tbb_sources)
  if(CONCERTINA_SANITIZE MATCHES "thread")
    set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS -fno-sanitize=thread
                                COMPILE_DEFINITIONS CONCERTINA_TSAN SKIP_PRECOMPILE_HEADERS ON)
  endif()
endfunction()

function(concertina_module name)
  cmake_parse_arguments(MODULE "TORCH" "" "SOURCES;LINK;PRIVATE" ${ARGN})
  set(target concertina_${name})
  add_library(${target} STATIC ${MODULE_SOURCES})
  add_library(concertina::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name} CONCERTINA_TORCH ${MODULE_TORCH})
  target_link_libraries(${target} PUBLIC ${MODULE_LINK} PRIVATE $<BUILD_INTERFACE:concertina_flags> ${MODULE_PRIVATE})
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}>)
  if(MODULE_TORCH)
    target_link_libraries(${target} PUBLIC torch)
    concertina_precompile(${target} torch)
  else()
    concertina_precompile(${target} plain)
  endif()
  set_property(GLOBAL APPEND PROPERTY CONCERTINA_MODULES ${target})
endfunction()

# `test` again under the name NAME_ATEN, LibTorch capped to ATEN's instructions and oneDNN to ONEDNN's.
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
                         ENVIRONMENT OMP_WAIT_POLICY=passive)  # spinning threads stop the tests beside them
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

function(_concertina_reaches target needle result)
  set(found FALSE)
  get_target_property(queue ${target} LINK_LIBRARIES)
  set(seen "")
  while(queue)
    list(POP_FRONT queue item)
    if(item MATCHES "^(concertina::|concertina_|torch)" AND NOT item IN_LIST seen)
      list(APPEND seen ${item})
      if(item STREQUAL needle)
        set(found TRUE)
        break()
      endif()
      if(TARGET ${item})
        get_target_property(more ${item} INTERFACE_LINK_LIBRARIES)
        if(more)
          list(APPEND queue ${more})
        endif()
      endif()
    endif()
  endwhile()
  set(${result} ${found} PARENT_SCOPE)
endfunction()

function(concertina_check_layers)
  get_property(modules GLOBAL PROPERTY CONCERTINA_MODULES)
  foreach(module ${modules})
    get_target_property(is_torch ${module} CONCERTINA_TORCH)
    _concertina_reaches(${module} torch reaches)
    if(reaches AND NOT is_torch)
      message(FATAL_ERROR "${module} is torch-free by design but links LibTorch: see ARCHITECTURE.md, the house.")
    endif()
  endforeach()
endfunction()
