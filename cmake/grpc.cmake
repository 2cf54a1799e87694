# smlp_grpc: Debian's libgrpc++-dev, as static libraries. As shared ones gRPC and the fifty of Abseil that come with it would
# be loaded by every command: 8 ms of a processor at each start, measured, where the static ones cost nothing until used.
# protobuf stays shared, because ONNX' messages use it too: there must be one of it.
find_package(Protobuf REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)

set(grpc_ending a)
if(SMLP_SHARED_LAYERS)  # into a shared library only what is position independent can go, which some of the static ones are not
  set(grpc_ending so)
endif()
set(grpc_libraries)
foreach(name grpc++_reflection grpc++ grpc gpr address_sorting upb cares re2)
  find_library(SMLP_LIB_${name} NAMES lib${name}.${grpc_ending} ${name} REQUIRED)
  list(APPEND grpc_libraries ${SMLP_LIB_${name}})
endforeach()
# Which of Abseil's it needs differs from release to release; of an archive only what is needed is linked.
cmake_path(GET SMLP_LIB_grpc++ PARENT_PATH grpc_folder)
file(GLOB absl_libraries ${grpc_folder}/libabsl_*.${grpc_ending})
list(FILTER absl_libraries EXCLUDE REGEX "_test|mock|benchmark|flags_parse|flags_usage")

add_library(smlp_grpc INTERFACE)
# The archives need each other in circles.
target_link_libraries(smlp_grpc INTERFACE
  $<$<BOOL:${SMLP_SHARED_LAYERS}>:-Wl,--as-needed> -Wl,--start-group ${grpc_libraries} ${absl_libraries} -Wl,--end-group
  protobuf::libprotobuf OpenSSL::SSL OpenSSL::Crypto ZLIB::ZLIB Threads::Threads ${CMAKE_DL_LIBS})

find_program(SMLP_PROTOC protoc REQUIRED)
find_program(SMLP_GRPC_PLUGIN grpc_cpp_plugin REQUIRED)

# smlp_protocol(NAME FILE): what protoc and gRPC's plugin make of FILE, which lies in the current layer's folder, as a static
# library. Its headers are included as that layer's.
function(smlp_protocol name file)
  cmake_path(GET file STEM stem)
  cmake_path(GET CMAKE_CURRENT_SOURCE_DIR FILENAME layer)
  set(root ${PROJECT_BINARY_DIR}/protocol)
  set(made ${root}/${layer}/${stem})
  set(outputs ${made}.pb.cc ${made}.pb.h ${made}.grpc.pb.cc ${made}.grpc.pb.h)
  file(MAKE_DIRECTORY ${root})
  add_custom_command(
    OUTPUT ${outputs}
    COMMAND ${SMLP_PROTOC} -I ${PROJECT_SOURCE_DIR}/src --cpp_out=${root} --grpc_out=${root}
            --plugin=protoc-gen-grpc=${SMLP_GRPC_PLUGIN} ${PROJECT_SOURCE_DIR}/src/${layer}/${file}
    DEPENDS ${file} VERBATIM)
  add_library(${name} STATIC ${outputs})
  target_include_directories(${name} SYSTEM PUBLIC ${root})
  target_compile_options(${name} PRIVATE -w)
  target_link_libraries(${name} PUBLIC smlp_grpc)
endfunction()
