if(NOT FUNCSIM_KERNELS_ONLY)
  include(${CMAKE_CURRENT_LIST_DIR}/FindTorchFiles.cmake)

  funcsim_find_torch("")
  if(funcsim_torch_problem)
    message(FATAL_ERROR "funcsim: ${funcsim_torch_problem}")
  endif()
  message(STATUS "funcsim: torch ${funcsim_torch_version} from ${funcsim_torch_dir}")
  funcsim_add_torch(${funcsim_torch_dir} GLOBAL)

  # torch_stable: the stable ABI of 2.11 and nothing else, so that one library loads in every later torch.
  add_library(torch_stable INTERFACE)
  target_include_directories(torch_stable SYSTEM INTERFACE ${funcsim_torch_dir}/include)
  target_compile_definitions(torch_stable INTERFACE TORCH_TARGET_VERSION=0x020b000000000000)
  target_link_libraries(torch_stable INTERFACE ${funcsim_torch_dir}/lib/libtorch_cpu.so)
endif()

# funcsim_options: what every target of ours is compiled with. Kernels get nothing of torch from it.
add_library(funcsim_options INTERFACE)
target_include_directories(funcsim_options INTERFACE ${PROJECT_SOURCE_DIR}/csrc)
# Fused multiply-adds, where a processor has them, would round differently from level to level.
target_compile_options(funcsim_options INTERFACE
  "$<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wpedantic;-ffp-contract=off>"
  "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra;--fmad=false>")
if(FUNCSIM_WERROR)
  target_compile_options(funcsim_options INTERFACE
    "$<$<COMPILE_LANGUAGE:CXX>:-Werror>" "$<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings>")
endif()
if(FUNCSIM_SANITIZE)
  set(sanitizers -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_compile_options(funcsim_options INTERFACE ${sanitizers} -g)
  target_link_options(funcsim_options INTERFACE ${sanitizers})
endif()

# A GoogleTest executable of the given sources. ctest runs its cases one by one; with ONE_PROCESS all in one process: torch
# and a GPU's driver take longer to start than most cases to run. OWN_MAIN: one of the sources has main().
function(funcsim_add_test name)
  cmake_parse_arguments(ARG "ONE_PROCESS;OWN_MAIN" "" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES} funcsim_options GTest::gtest)
  if(NOT ARG_OWN_MAIN)
    target_link_libraries(${name} PRIVATE GTest::gtest_main)
  endif()
  if(ARG_ONE_PROCESS)
    add_test(NAME ${name} COMMAND ${name} --gtest_brief=1)
    set_tests_properties(${name} PROPERTIES TIMEOUT 600)
  else()
    gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 600)
  endif()
endfunction()
