# The one CMake helper: a static library per folder, programs, tests, fuzzers, and the flags they share.

option(GODWIT_TESTS "Build the tests" ON)
option(GODWIT_BENCH "Make the runners of scripts/bench known (they are built when asked for)" OFF)
option(GODWIT_FUZZ "Build the fuzzers (clang and libFuzzer) instead of the tests" OFF)
option(GODWIT_DEVICE_ONLY "Build only what runs on a device (cross builds)" OFF)
option(GODWIT_ENGINE_ONLY "Build only the engine's library, and what tests it on other processors" OFF)
option(GODWIT_HARDEN "Link-time optimisation and hardening flags" OFF)
set(GODWIT_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them")

find_package(Threads REQUIRED)
find_program(GODWIT_CCACHE ccache)
if(GODWIT_CCACHE)
  # Paths below the source folder are hashed relative to it: two clones share what they compile.
  set(GODWIT_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${GODWIT_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${GODWIT_LAUNCHER})
  set(CMAKE_C_COMPILER_LAUNCHER ${GODWIT_LAUNCHER})
endif()

add_library(godwit_flags INTERFACE)
target_include_directories(godwit_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(godwit_flags INTERFACE -Wall -Wextra -Werror -Wshadow -Wconversion -Wno-sign-conversion
  -Wimplicit-fallthrough -Wnon-virtual-dtor -fno-omit-frame-pointer -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)
target_compile_definitions(godwit_flags INTERFACE GODWIT_VERSION="${PROJECT_VERSION}")
# g++ 12 sees std::variant and coroutine frames as perhaps uninitialised when they are not.
target_compile_options(godwit_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
if(GODWIT_SANITIZE)
  # vptr needs RTTI, which NOEXCEPT libraries are built without.
  target_compile_options(godwit_flags INTERFACE -fsanitize=${GODWIT_SANITIZE} -fno-sanitize=vptr -fno-sanitize-recover=all)
  target_link_options(godwit_flags INTERFACE -fsanitize=${GODWIT_SANITIZE})
  if(GODWIT_SANITIZE MATCHES thread)
    # ThreadSanitizer knows no fences; Asio's locks order everything that its fences would.
    target_compile_definitions(godwit_flags INTERFACE BOOST_ASIO_DISABLE_FENCED_BLOCK)
  endif()
endif()
if(GODWIT_HARDEN)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
  target_compile_options(godwit_flags INTERFACE -fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=2)
  target_link_options(godwit_flags INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack)
endif()

# godwit_library(NAME [NOEXCEPT] [DEPENDS ...] [PRIVATE ...] [SOURCES ...])
# A static library of every .cpp of this folder (or of SOURCES). NOEXCEPT: no exceptions, no RTTI.
# PRIVATE: third-party libraries that only the .cpp files see.
function(godwit_library name)
  cmake_parse_arguments(ARG "NOEXCEPT" "" "DEPENDS;PRIVATE;SOURCES" ${ARGN})
  if(NOT ARG_SOURCES)
    file(GLOB ARG_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
    list(FILTER ARG_SOURCES EXCLUDE REGEX "/main[.]cpp$")
  endif()
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC godwit_flags ${ARG_DEPENDS} PRIVATE ${ARG_PRIVATE})
  if(ARG_NOEXCEPT)
    target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions -fno-rtti>)
  endif()
endfunction()

# godwit_program(NAME SOURCES ... [DEPENDS ...]) puts a program into bin/.
function(godwit_program name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;SOURCES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE godwit_flags ${ARG_DEPENDS})
endfunction()

# godwit_test(NAME LABEL label [DEPENDS ...] [TIMEOUT seconds]) is one GoogleTest program of every *_test.cpp here.
# GODWIT_TEST_DATA is the absolute path of tests/data, GODWIT_BIN that of the built programs.
function(godwit_test name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "DEPENDS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  add_executable(${name} ${sources})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_link_libraries(${name} PRIVATE godwit_flags ${ARG_DEPENDS} GTest::gtest GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE GODWIT_TEST_DATA="${CMAKE_SOURCE_DIR}/tests/data"
    GODWIT_SOURCE="${CMAKE_SOURCE_DIR}" GODWIT_BIN="${CMAKE_BINARY_DIR}/bin")
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  if(GODWIT_SANITIZE)  # many times slower
    math(EXPR ARG_TIMEOUT "${ARG_TIMEOUT} * 4")
  endif()
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT})
endfunction()

# godwit_fuzzer(NAME [DEPENDS ...]): NAME.cpp defines LLVMFuzzerTestOneInput. Under the fuzz preset it is a
# libFuzzer program (target `fuzzers`: all of them); in every other build it replays tests/fuzz/corpus/NAME as a test.
function(godwit_fuzzer name)
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  add_executable(fuzz_${name} ${CMAKE_SOURCE_DIR}/tests/fuzz/${name}.cpp)
  target_link_libraries(fuzz_${name} PRIVATE godwit_flags ${ARG_DEPENDS})
  set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
  if(GODWIT_FUZZ)
    if(NOT TARGET fuzzers)
      add_custom_target(fuzzers)
    endif()
    add_dependencies(fuzzers fuzz_${name})
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(fuzz_${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/fuzz/replay_main.cpp)
    add_test(NAME fuzz_${name} COMMAND fuzz_${name} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
    set_tests_properties(fuzz_${name} PROPERTIES LABELS fuzz TIMEOUT 300)
  endif()
endfunction()
