# How a room is built: its folder is its list of sources, one precompiled header serves the house.

# What every target of the house shares; one set of flags, so one precompiled header will do.
add_library(house_flags INTERFACE)
target_compile_options(house_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion
  $<$<COMPILE_LANGUAGE:CXX>:-Wold-style-cast -Woverloaded-virtual>
  $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond -Wlogical-op>
  $<$<BOOL:${ROSTER_WERROR}>:-Werror>)
if(ROSTER_FUZZ)  # Coverage is counted in every room; a fuzz target brings libFuzzer and its main().
  # Clang 14 cannot assemble coroutines with -fsanitize=function.
  set(fuzz_sanitizers -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize=function
    -fno-sanitize-recover=all)
  target_compile_options(house_flags INTERFACE ${fuzz_sanitizers})
  target_link_options(house_flags INTERFACE ${fuzz_sanitizers})
endif()
target_compile_definitions(house_flags INTERFACE
  _GLIBCXX_ASSERTIONS BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
  BOOST_BEAST_SEPARATE_COMPILATION SPDLOG_COMPILED_LIB SPDLOG_FMT_EXTERNAL
  ROSTER_VERSION="${PROJECT_VERSION}")
target_include_directories(house_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_include_directories(house_flags SYSTEM INTERFACE ${CLI11_INCLUDE})
target_link_libraries(house_flags INTERFACE Boost::headers spdlog::spdlog tomlplusplus::tomlplusplus
  OpenSSL::SSL OpenSSL::Crypto Threads::Threads)

# The header-only parts of Boost, compiled once, and the precompiled header.
add_library(house STATIC ${PROJECT_SOURCE_DIR}/cmake/boost_sources.cpp)
target_link_libraries(house PUBLIC house_flags)
target_precompile_headers(house PRIVATE ${PROJECT_SOURCE_DIR}/cmake/house_pch.hpp)

# room(NAME FOLDER USES rooms and libraries...): every source in FOLDER itself, not below it.
function(room name folder)
  cmake_parse_arguments(arg "" "" "USES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.cpp)
  file(GLOB bridges CONFIGURE_DEPENDS ${folder}/*.c)
  list(FILTER sources EXCLUDE REGEX "/agent/(\\./)?main\\.cpp$")
  if(NOT sources)
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE house ${arg_USES})
    return()
  endif()
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC house ${arg_USES})
  target_precompile_headers(${name} REUSE_FROM house)
  if(bridges)  # C has no share in the precompiled header.
    add_library(${name}_bridge OBJECT ${bridges})
    target_link_libraries(${name}_bridge PRIVATE house_flags ${arg_USES})
    target_sources(${name} PRIVATE $<TARGET_OBJECTS:${name}_bridge>)
  endif()
endfunction()

# room_test(NAME FOLDER USES rooms...): every *_test.cpp in FOLDER itself.
function(room_test name folder)
  cmake_parse_arguments(arg "" "" "USES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*_test.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE ${arg_USES} house tests_support GTest::gmock GTest::gtest_main)
  target_precompile_headers(${name} REUSE_FROM house)
  gtest_discover_tests(${name} PROPERTIES LABELS quick DISCOVERY_TIMEOUT 60)
endfunction()
