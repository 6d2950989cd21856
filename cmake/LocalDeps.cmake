# scripts/setup --local unpacks the libraries into .deps. If it exists, it is used before the machine's packages, as one more
# system prefix for headers, libraries and, at run time, their dependencies.
set(_usr ${CMAKE_SOURCE_DIR}/.deps/usr)
if(NOT IS_DIRECTORY ${_usr})
  return()
endif()
message(STATUS "Libraries from ${_usr}")
list(PREPEND CMAKE_PREFIX_PATH ${_usr})
file(GLOB _arch RELATIVE ${_usr}/lib ${_usr}/lib/*-linux-gnu)
if(NOT CMAKE_LIBRARY_ARCHITECTURE)  # only Debian's compilers name it
  set(CMAKE_LIBRARY_ARCHITECTURE ${_arch})
endif()
set(CONCERTINA_LOCAL_LIBRARIES ${_usr}/lib/${CMAKE_LIBRARY_ARCHITECTURE} ${_usr}/lib)  # the folders
# Last of the folders passed to the compiler, before its own: LibTorch's headers contain copies of some of these libraries.
list(APPEND CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES ${_usr}/include)
list(APPEND CMAKE_CXX_STANDARD_INCLUDE_DIRECTORIES ${_usr}/include)
# RPATH and not RUNPATH, which does not apply to the dependencies of libraries.
add_link_options(-Wl,--disable-new-dtags)
