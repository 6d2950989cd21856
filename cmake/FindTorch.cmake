# Finds LibTorch in CONCERTINA_TORCH, CMAKE_PREFIX_PATH or the checkout's .venv, in this order.
set(_hints "")
if(DEFINED ENV{CONCERTINA_TORCH})
  list(APPEND _hints "$ENV{CONCERTINA_TORCH}" "$ENV{CONCERTINA_TORCH}/share/cmake")
endif()
file(GLOB _venv_torch "${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch")
list(APPEND _hints ${CMAKE_PREFIX_PATH} ${_venv_torch})

set(_quiet_warnings ${CMAKE_MESSAGE_LOG_LEVEL})
set(CMAKE_MESSAGE_LOG_LEVEL ERROR)  # Torch's own package file warns of optional parts that do not matter here
find_package(Torch CONFIG QUIET HINTS ${_hints})
set(CMAKE_MESSAGE_LOG_LEVEL ${_quiet_warnings})
if(NOT Torch_FOUND)
  message(FATAL_ERROR "LibTorch 2.11 or newer was not found. Run scripts/setup, or set CONCERTINA_TORCH to a torch "
                      "folder (python -c 'import torch; print(torch.utils.cmake_prefix_path)').")
endif()
if(Torch_VERSION VERSION_LESS 2.11)
  message(FATAL_ERROR "LibTorch ${Torch_VERSION} at ${Torch_DIR} is too old: 2.11 or newer is needed (scripts/setup installs it).")
endif()
message(STATUS "LibTorch ${Torch_VERSION} at ${Torch_DIR}")

# LibTorch's headers bring an fmt of their own, newer than the system's library: whoever includes them uses it inline.
target_compile_definitions(torch INTERFACE FMT_HEADER_ONLY)
# ATen's parallel_for is a header: without OpenMP in our own compilation it would quietly run on one thread.
find_package(OpenMP REQUIRED COMPONENTS CXX)
# As flags: LibTorch's folder holds a libgomp.so.1 too, and one of the two is loaded, whichever comes first.
target_compile_options(torch INTERFACE ${OpenMP_CXX_FLAGS})
target_link_options(torch INTERFACE ${OpenMP_CXX_FLAGS})
