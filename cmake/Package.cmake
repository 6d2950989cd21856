# install and export: find_package(concertina) gives concertina::core, concertina::model and the rest.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
get_property(_modules GLOBAL PROPERTY CONCERTINA_MODULES)
set(_targets "")
set(_folders "")
foreach(_module ${_modules})
  if(TARGET concertina_${_module})
    get_property(_folder GLOBAL PROPERTY CONCERTINA_MODULE_${_module}_FOLDER)
    string(REGEX REPLACE "/.*" "" _folder ${_folder})
    list(APPEND _targets concertina_${_module})
    list(APPEND _folders ${_folder})
  endif()
endforeach()
list(REMOVE_DUPLICATES _folders)
install(TARGETS ${_targets} EXPORT concertinaTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/concertina)
if(TARGET concertina)
  # LibTorch's libraries and those of .deps are not installed but found where they are.
  set_target_properties(concertina PROPERTIES INSTALL_RPATH "${CONCERTINA_TORCH_LIBRARIES};${CONCERTINA_LOCAL_LIBRARIES}")
  install(TARGETS concertina RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT program)
endif()
install(DIRECTORY ${_folders}
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/concertina FILES_MATCHING PATTERN "*.h")
install(EXPORT concertinaTargets NAMESPACE concertina:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/concertina)
configure_package_config_file(cmake/concertinaConfig.cmake.in ${CMAKE_BINARY_DIR}/concertinaConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/concertina)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/concertinaConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/concertinaConfig.cmake ${CMAKE_BINARY_DIR}/concertinaConfigVersion.cmake
        cmake/Dependencies.cmake cmake/FindTorch.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/concertina)
