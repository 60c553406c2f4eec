# Takes headers and libraries straight from the torch package: find_package(Torch) refuses a CUDA build of torch on a machine
# without the CUDA toolkit, which funcsim doesn't need.
if(NOT FUNCSIM_TORCH_DIR)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  execute_process(
    COMMAND ${Python3_EXECUTABLE} -c
            "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')"
    OUTPUT_VARIABLE found OUTPUT_STRIP_TRAILING_WHITESPACE)
  set(FUNCSIM_TORCH_DIR "${found}" CACHE PATH "Folder of the torch Python package" FORCE)
endif()
if(NOT EXISTS ${FUNCSIM_TORCH_DIR}/lib/libtorch_cpu.so)
  message(FATAL_ERROR "No PyTorch in '${FUNCSIM_TORCH_DIR}': expected lib/libtorch_cpu.so there. "
                      "Install torch >= 2.11 for ${Python3_EXECUTABLE}, or set -DFUNCSIM_TORCH_DIR=<folder of the torch package>.")
endif()
message(STATUS "funcsim: torch from ${FUNCSIM_TORCH_DIR}")

# torch_stable: the stable ABI of 2.11 and nothing else, so that one library loads in every later torch.
add_library(torch_stable INTERFACE)
target_include_directories(torch_stable SYSTEM INTERFACE ${FUNCSIM_TORCH_DIR}/include)
target_compile_definitions(torch_stable INTERFACE TORCH_TARGET_VERSION=0x020b000000000000)
target_link_libraries(torch_stable INTERFACE ${FUNCSIM_TORCH_DIR}/lib/libtorch_cpu.so)

# torch_full: the whole C++ API, for the tests and examples of the C++ front. Undefined symbols of libraries that torch itself
# opens are torch's business (ld would otherwise stop at those of NCCL).
add_library(torch_full INTERFACE)
target_include_directories(torch_full SYSTEM INTERFACE ${FUNCSIM_TORCH_DIR}/include
                                                       ${FUNCSIM_TORCH_DIR}/include/torch/csrc/api/include)
target_link_libraries(torch_full INTERFACE ${FUNCSIM_TORCH_DIR}/lib/libtorch.so ${FUNCSIM_TORCH_DIR}/lib/libtorch_cpu.so
                                           ${FUNCSIM_TORCH_DIR}/lib/libc10.so)
target_link_options(torch_full INTERFACE -Wl,--allow-shlib-undefined)
