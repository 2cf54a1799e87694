# smlp_onnx: the protobuf messages of ONNX from Debian's libonnx-dev, with the library and the definitions they need.
# Debian 13's package puts its targets into a namespace; Debian 12's does not.
find_package(Protobuf REQUIRED)
find_package(ONNX REQUIRED)

add_library(smlp_onnx INTERFACE)
if(TARGET ONNX::onnx_proto)
  target_link_libraries(smlp_onnx INTERFACE ONNX::onnx_proto protobuf::libprotobuf)
else()
  target_link_libraries(smlp_onnx INTERFACE onnx_proto protobuf::libprotobuf)
endif()
