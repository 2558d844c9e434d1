# The only CMake functions of the project.
#
#   daybook_lib(NAME SOURCES a.c b.c LINKS x y)   a static library of one folder
#   daybook_test(unit/base/text LINKS base)       tests/unit/base/text_test.c, run by ctest as "unit/base/text"
#   daybook_fuzz(frame LINKS schemas)             tests/fuzz/frame_fuzz.c with its corpus tests/data/fuzz/frame/
#
# Every target gets the same warnings, hardening and sanitizers.

option(DAYBOOK_WERROR "Treat warnings as errors" ON)
set(DAYBOOK_SANITIZE "none" CACHE STRING "none, address,undefined or thread")
option(DAYBOOK_FUZZ "Build the libFuzzer targets (clang only)" OFF)

add_library(daybook_flags INTERFACE)
target_include_directories(daybook_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(daybook_flags INTERFACE _GNU_SOURCE DAYBOOK_VERSION="${PROJECT_VERSION}")
target_compile_options(
  daybook_flags
  INTERFACE -Wall
            -Wextra
            -Wshadow
            -Wconversion
            -Wno-sign-conversion
            -Wno-string-conversion # CHECK(!"reached") names what must not happen
            -Wno-string-concatenation # the formatter breaks long literals
            -Wstrict-prototypes
            -Wmissing-prototypes
            -Wswitch-enum
            -Wvla
            -Wformat=2
            -Wundef
            -fno-common
            -fstack-protector-strong)
if(DAYBOOK_WERROR)
  target_compile_options(daybook_flags INTERFACE -Werror)
endif()
if(NOT DAYBOOK_SANITIZE STREQUAL "none")
  target_compile_options(daybook_flags INTERFACE -fsanitize=${DAYBOOK_SANITIZE} -fno-omit-frame-pointer
                                                 -fno-sanitize-recover=all)
  target_link_options(daybook_flags INTERFACE -fsanitize=${DAYBOOK_SANITIZE})
endif()
if(DAYBOOK_FUZZ)
  target_compile_options(daybook_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

function(daybook_lib NAME)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_library(${NAME} STATIC ${ARG_SOURCES})
  target_link_libraries(${NAME} PUBLIC daybook_flags ${ARG_LINKS})
endfunction()

function(daybook_test PATH)
  cmake_parse_arguments(ARG "" "" "LINKS" ${ARGN})
  string(REPLACE "/" "_" target "test_${PATH}")
  add_executable(${target} ${PROJECT_SOURCE_DIR}/tests/${PATH}_test.c)
  target_link_libraries(${target} PRIVATE daybook_flags ${ARG_LINKS} cmocka)
  add_test(NAME ${PATH} COMMAND ${target} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(
    ${PATH} PROPERTIES LABELS fast TIMEOUT 120 ENVIRONMENT
                       "TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/tsan.supp")
endfunction()

# tests/fuzz/NAME_fuzz.c defines LLVMFuzzerTestOneInput. With DAYBOOK_FUZZ it becomes the libFuzzer
# program fuzz_NAME. In every other build the same code is run once over its corpus, as the ctest
# "fuzz/NAME", so that a crash once found stays found by every compiler and sanitizer.
function(daybook_fuzz NAME)
  cmake_parse_arguments(ARG "" "" "LINKS" ${ARGN})
  set(dir ${PROJECT_SOURCE_DIR}/tests/fuzz)
  set(corpus ${PROJECT_SOURCE_DIR}/tests/data/fuzz/${NAME})
  add_executable(fuzz_${NAME} ${dir}/${NAME}_fuzz.c)
  target_link_libraries(fuzz_${NAME} PRIVATE daybook_flags ${ARG_LINKS})
  set_target_properties(fuzz_${NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
  if(DAYBOOK_FUZZ)
    target_link_options(fuzz_${NAME} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(fuzz_${NAME} PRIVATE ${dir}/corpus_main.c)
    add_test(NAME fuzz/${NAME} COMMAND fuzz_${NAME} ${corpus})
    set_tests_properties(fuzz/${NAME} PROPERTIES LABELS fast TIMEOUT 120)
  endif()
endfunction()
