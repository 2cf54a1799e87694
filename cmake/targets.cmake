# Functions that every directory uses to declare its part.

add_compile_options(-Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion)
# g++ 12 reports overlaps inside of std::string that cannot happen (GCC bug 105651).
add_compile_options($<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
# For files that use AVX-512: g++ 12 warns of its own intrinsics, which begin with an undefined vector on purpose (GCC bug
# 105593).
set(SMLP_QUIET_AVX512
    "$<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-maybe-uninitialized>")
# Compilers for ARM fuse a * b + c of their own accord, across statements; pictures, generated weights and folded ones are
# to be the numbers they are on x86-64. Kernels ask for the fused instruction by name.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  add_compile_options(-ffp-contract=off)
endif()
set(SMLP_SVE_TARGETS "HWY_SVE|HWY_SVE2|HWY_SVE_256|HWY_SVE2_128")  # of Highway, which we do not use
# What sanitizers and fuzzers need: assertions of every library, and little enough optimisation to build in minutes.
set(CMAKE_CXX_FLAGS_SANITIZE "-O1 -g1 -D_GLIBCXX_ASSERTIONS")
set(CMAKE_EXE_LINKER_FLAGS_SANITIZE "")
set(CMAKE_SHARED_LINKER_FLAGS_SANITIZE "")
set(CMAKE_MODULE_LINKER_FLAGS_SANITIZE "")
if(SMLP_SANITIZE)
  add_compile_options(-fsanitize=${SMLP_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${SMLP_SANITIZE})
endif()

if(SMLP_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

set(layer_kind STATIC)
if(SMLP_SHARED_LAYERS)
  set(layer_kind SHARED)
  set(CMAKE_CXX_VISIBILITY_PRESET default)
  set(CMAKE_LINK_DEPENDS_NO_SHARED ON)
endif()

# smlp_compile_together(TARGET SOURCE...): sources that share no name of their own are compiled as one, which halves the time
# of a build from nothing. Whoever edits turns it off, since a change of one source compiles its whole group. Only this
# step of the program's own build wants Python: without it sources are compiled one by one.
function(smlp_compile_together target)
  if(NOT SMLP_TOGETHER)
    return()
  endif()
  find_package(Python3 QUIET COMPONENTS Interpreter)
  if(NOT Python3_FOUND)
    message(STATUS "${target}: no Python here, so its sources are compiled one by one, which takes longer")
    return()
  endif()
  execute_process(COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tools/compile/together.py ${ARGN}
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} OUTPUT_VARIABLE lines COMMAND_ERROR_IS_FATAL ANY)
  string(REPLACE "\n" ";" lines "${lines}")
  foreach(line IN LISTS lines)
    if(line MATCHES "^(.+) ([0-9]+)$")
      set_source_files_properties(${CMAKE_MATCH_1} PROPERTIES UNITY_GROUP ${target}_${CMAKE_MATCH_2})
    endif()
  endforeach()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  # To g++ each source of a group is a header, whose anonymous namespace others might include: nobody does.
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
endfunction()

# smlp_layer(NAME SOURCES ... [DEPENDS layer...] [LIBRARIES lib...])
# One layer of the house as a library `smlp_NAME`; DEPENDS are the layers it may include.
function(smlp_layer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;LIBRARIES" ${ARGN})
  add_library(smlp_${name} ${layer_kind} ${ARG_SOURCES})
  target_include_directories(smlp_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
  list(TRANSFORM ARG_DEPENDS PREPEND smlp_)
  target_link_libraries(smlp_${name} PUBLIC ${ARG_DEPENDS} PRIVATE ${ARG_LIBRARIES})
  smlp_compile_together(smlp_${name} ${ARG_SOURCES})
endfunction()

# smlp_test(NAME SOURCES ... LIBRARIES ...)  one GoogleTest program, one CTest test. The test is labelled with its folder
# below tests/, and the target FOLDER_tests builds all programs of that folder.
function(smlp_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES} smlp_test_source_dir GTest::gmock GTest::gtest_main)
  smlp_compile_together(${name} ${ARG_SOURCES})
  add_test(NAME ${name} COMMAND ${name})
  cmake_path(GET CMAKE_CURRENT_SOURCE_DIR FILENAME folder)
  set_tests_properties(${name} PROPERTIES LABELS ${folder})
  if(NOT TARGET ${folder}_tests)
    add_custom_target(${folder}_tests)
  endif()
  add_dependencies(${folder}_tests ${name})
endfunction()
