# Every library Roster links with, found on the system. packaging/install-deps installs them all.

set(hint "run packaging/install-deps, or install the Debian package")

find_package(Threads REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(PkgConfig REQUIRED)

find_package(Boost 1.81 QUIET)
if(NOT Boost_FOUND)
  message(FATAL_ERROR "Boost >= 1.81 is missing: ${hint} libboost1.81-dev (Debian 12) or libboost-dev (Debian 13)")
endif()
find_package(spdlog QUIET)
if(NOT spdlog_FOUND)
  message(FATAL_ERROR "spdlog is missing: ${hint} libspdlog-dev")
endif()
find_package(tomlplusplus QUIET)
if(NOT tomlplusplus_FOUND)
  message(FATAL_ERROR "toml++ is missing: ${hint} libtomlplusplus-dev")
endif()
find_path(CLI11_INCLUDE CLI/CLI.hpp)
if(NOT CLI11_INCLUDE)
  message(FATAL_ERROR "CLI11 is missing: ${hint} libcli11-dev")
endif()

# need(TARGET MODULE PACKAGE): a library found through pkg-config, as PkgConfig::TARGET.
function(need target module package)
  pkg_check_modules(${target} QUIET IMPORTED_TARGET GLOBAL "${module}")
  if(NOT ${target}_FOUND)
    message(FATAL_ERROR "${module} is missing: ${hint} ${package}")
  endif()
endfunction()
need(urcu_qsbr liburcu-qsbr liburcu-dev)
need(cares libcares libc-ares-dev)
need(systemd libsystemd libsystemd-dev)

# libraft: 0.15 loses acknowledged writes, 0.23 may change who owns memory in raft_step().
find_path(RAFT_INCLUDE raft.h)
find_library(RAFT_LIBRARY raft)
if(NOT RAFT_INCLUDE OR NOT RAFT_LIBRARY)
  message(FATAL_ERROR "libraft is missing: ${hint} libraft-dev (from bookworm-backports on Debian 12)")
endif()
foreach(part MAJOR MINOR RELEASE)
  file(STRINGS ${RAFT_INCLUDE}/raft.h line REGEX "define RAFT_VERSION_${part} ")
  string(REGEX REPLACE "[^0-9]" "" RAFT_${part} "${line}")
  if(RAFT_${part} STREQUAL "")
    set(RAFT_${part} 0)  # 0.15 has no such macros.
  endif()
endforeach()
set(RAFT_VERSION ${RAFT_MAJOR}.${RAFT_MINOR}.${RAFT_RELEASE})
if(RAFT_VERSION VERSION_LESS 0.22.1 OR RAFT_VERSION VERSION_GREATER_EQUAL 0.23)
  message(FATAL_ERROR
    "libraft ${RAFT_VERSION} will not do: Roster needs >= 0.22.1 and < 0.23 (older ones lose "
    "acknowledged writes). ${hint} libraft-dev from bookworm-backports (Debian 12) or Debian 13")
endif()
add_library(raft INTERFACE)
target_include_directories(raft INTERFACE ${RAFT_INCLUDE})
target_link_libraries(raft INTERFACE ${RAFT_LIBRARY})
