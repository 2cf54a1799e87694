# libsmlp.so with the public API alone, and what `cmake --install` puts where:
#   bin/smlp   lib/libsmlp.so   include/smlp/   lib/cmake/smlp/   lib/pkgconfig/smlp.pc   share/smlp/models/
include(CMakePackageConfigHelpers)

# Of these layers everything, since they define what include/smlp/ declares; the rest as needed.
add_library(smlp_shared SHARED $<TARGET_OBJECTS:smlp_api> $<TARGET_OBJECTS:smlp_base>)
set_target_properties(smlp_shared PROPERTIES
  OUTPUT_NAME smlp EXPORT_NAME smlp
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
  LINK_DEPENDS ${PROJECT_SOURCE_DIR}/src/api/exports.map)
target_link_libraries(smlp_shared PRIVATE smlp_api)
target_link_options(smlp_shared PRIVATE -Wl,--version-script=${PROJECT_SOURCE_DIR}/src/api/exports.map)
if(NOT SMLP_SANITIZE)  # the sanitizers' own functions are the program's
  target_link_options(smlp_shared PRIVATE -Wl,--no-undefined)
endif()
target_include_directories(smlp_shared INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_features(smlp_shared INTERFACE cxx_std_23)

if(SMLP_SHARED_LAYERS)  # which are not for others
  return()
endif()
install(TARGETS smlp RUNTIME)
install(TARGETS smlp_shared EXPORT smlpTargets LIBRARY)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/smlp TYPE INCLUDE)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/examples DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/models DESTINATION ${CMAKE_INSTALL_DATADIR}/smlp OPTIONAL
        FILES_MATCHING PATTERN *.safetensors PATTERN README.md)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/smlp)
install(EXPORT smlpTargets NAMESPACE smlp:: DESTINATION ${package_dir})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/smlpConfig.cmake.in ${PROJECT_BINARY_DIR}/smlpConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/smlpConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/smlpConfig.cmake ${PROJECT_BINARY_DIR}/smlpConfigVersion.cmake
        DESTINATION ${package_dir})

# pkg-config --cflags --libs smlp
cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_LIBDIR BASE_DIRECTORY /prefix OUTPUT_VARIABLE smlp_libdir)
file(RELATIVE_PATH smlp_prefix_from_pc ${smlp_libdir}/pkgconfig /prefix)
string(REGEX REPLACE "/$" "" smlp_prefix_from_pc "${smlp_prefix_from_pc}")
configure_file(${CMAKE_CURRENT_LIST_DIR}/smlp.pc.in ${PROJECT_BINARY_DIR}/smlp.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/smlp.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
