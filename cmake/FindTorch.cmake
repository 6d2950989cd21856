# Target `torch`: LibTorch from CONCERTINA_TORCH, CMAKE_PREFIX_PATH or the checkout's .venv, in this order.
# Its libraries are listed here and not taken from Torch's own package file, which requires the whole CUDA toolkit for a CUDA build.
file(GLOB _venv_torch "${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch")
if(DEFINED ENV{CONCERTINA_TORCH})  # overrides what was found earlier
  unset(CONCERTINA_TORCH_VERSION_FILE CACHE)
endif()
find_file(CONCERTINA_TORCH_VERSION_FILE TorchConfigVersion.cmake
  HINTS $ENV{CONCERTINA_TORCH} ${CMAKE_PREFIX_PATH} ${_venv_torch}
  PATH_SUFFIXES share/cmake/Torch Torch torch/share/cmake/Torch)
if(NOT CONCERTINA_TORCH_VERSION_FILE)
  message(FATAL_ERROR "LibTorch 2.11 or newer was not found. Run scripts/setup, or set CONCERTINA_TORCH to a torch "
                      "folder (python -c 'import torch; print(torch.utils.cmake_prefix_path)').")
endif()
include(${CONCERTINA_TORCH_VERSION_FILE})
set(Torch_VERSION ${PACKAGE_VERSION})
get_filename_component(_torch ${CONCERTINA_TORCH_VERSION_FILE}/../../../.. ABSOLUTE)
if(Torch_VERSION VERSION_LESS 2.11)
  message(FATAL_ERROR "LibTorch ${Torch_VERSION} at ${_torch} is too old: 2.11 or newer is needed (scripts/setup installs it).")
endif()

set(CONCERTINA_TORCH_LIBRARIES ${_torch}/lib)  # the folder, for programs that are installed

# A library of kernels registers them when it is loaded, so it stays linked although nothing calls it by name.
set(_kernels ${_torch}/lib/libtorch_cpu.so)
set(_kind CPU)
if(EXISTS ${_torch}/lib/libtorch_cuda.so)
  list(APPEND _kernels ${_torch}/lib/libtorch_cuda.so)
  set(_kind CUDA)
endif()
list(JOIN _kernels "," _kernels)
add_library(torch INTERFACE IMPORTED)
target_include_directories(torch SYSTEM INTERFACE ${_torch}/include ${_torch}/include/torch/csrc/api/include)
# LibTorch's headers contain an fmt newer than the system's library: sources that include them use it inline.
target_compile_definitions(torch INTERFACE USE_DISTRIBUTED USE_C10D_GLOO USE_RPC USE_TENSORPIPE FMT_HEADER_ONLY)
# ATen's parallel_for is a header: without OpenMP in our own compilation it would run on one thread.
find_package(OpenMP REQUIRED COMPONENTS CXX)
# As flags: LibTorch's folder has a libgomp.so.1 too, and the first one found is loaded.
target_compile_options(torch INTERFACE ${OpenMP_CXX_FLAGS})
target_link_options(torch INTERFACE ${OpenMP_CXX_FLAGS})
target_link_libraries(torch INTERFACE -Wl,--no-as-needed,${_kernels},--as-needed
  ${_torch}/lib/libtorch.so ${_torch}/lib/libc10.so)
if(_kind STREQUAL "CUDA")
  # The linker does not follow $ORIGIN to the libraries of CUDA that libtorch_cuda.so needs; the loader does.
  target_link_options(torch INTERFACE -Wl,--allow-shlib-undefined)
endif()
message(STATUS "LibTorch ${Torch_VERSION} (${_kind}) at ${_torch}")

# Collectives between GPUs need the headers of NCCL and of the CUDA toolkit (including its compiler's, which torch's
# own wheels do not have). Without them: training on one GPU only.
set(CONCERTINA_NCCL_INCLUDES "")
if(_kind STREQUAL "CUDA")
  file(GLOB _wheels ${_torch}/../nvidia/*/include)
  find_path(CONCERTINA_NCCL_INCLUDE nccl.h HINTS ${_wheels} $ENV{NCCL_ROOT}/include)
  find_path(CONCERTINA_CUDA_INCLUDE crt/host_config.h HINTS ${_wheels} $ENV{CUDA_HOME}/include /usr/local/cuda/include)
  if(CONCERTINA_NCCL_INCLUDE AND CONCERTINA_CUDA_INCLUDE)
    set(CONCERTINA_NCCL_INCLUDES ${CONCERTINA_NCCL_INCLUDE} ${CONCERTINA_CUDA_INCLUDE} ${CONCERTINA_CUDA_INCLUDE}/cccl)
  endif()
endif()
