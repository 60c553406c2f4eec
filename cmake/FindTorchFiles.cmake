# Takes torch's headers and libraries straight from its folder: find_package(Torch) refuses a CUDA build of torch on a machine
# without the CUDA toolkit, which funcsim doesn't need. Read by funcsim's own build and by find_package(funcsim).

set(FUNCSIM_TORCH_DIR "" CACHE PATH "Folder of the torch Python package or of an unpacked libtorch; searched for when empty")

# $<LINK_LIBRARY:FUNCSIM_NEEDED,...>: a library that the program needs though it takes no symbol from it. Many linkers drop
# such a library unless they are told. Cached: CMake reads this in the folder of the program, find_package may be in another.
set(CMAKE_LINK_LIBRARY_USING_FUNCSIM_NEEDED
    "LINKER:--push-state,--no-as-needed" "<LINK_ITEM>" "LINKER:--pop-state" CACHE INTERNAL "")
set(CMAKE_LINK_LIBRARY_USING_FUNCSIM_NEEDED_SUPPORTED TRUE CACHE INTERNAL "")

# Sets `folder` to torch's, or to "" with the reason in `problem`.
function(funcsim_search_torch neighbour folder problem)
  set(${folder} "" PARENT_SCOPE)
  unset(config)
  find_path(config TorchConfig.cmake HINTS "${Torch_DIR}" PATH_SUFFIXES Torch share/cmake/Torch
            NO_CACHE NO_CMAKE_SYSTEM_PATH NO_SYSTEM_ENVIRONMENT_PATH)
  if(config)
    file(REAL_PATH "${config}/../../.." found_by_cmake)
  endif()
  if(FUNCSIM_TORCH_DIR)
    file(REAL_PATH "${FUNCSIM_TORCH_DIR}" named)
    if(TARGET torch AND config AND NOT named STREQUAL found_by_cmake)
      set(${problem} "FUNCSIM_TORCH_DIR is ${FUNCSIM_TORCH_DIR}, but this project's find_package(Torch) has found torch in \
${found_by_cmake}, and a program can hold one torch only." PARENT_SCOPE)
    else()
      set(${folder} "${FUNCSIM_TORCH_DIR}" PARENT_SCOPE)
    endif()
    return()
  endif()
  if(config)
    set(${folder} "${found_by_cmake}" PARENT_SCOPE)
    return()
  endif()
  set(places "FUNCSIM_TORCH_DIR is not set; CMAKE_PREFIX_PATH has no TorchConfig.cmake")
  if(neighbour)
    if(EXISTS "${neighbour}/lib/libtorch_cpu.so")
      set(${folder} "${neighbour}" PARENT_SCOPE)
      return()
    endif()
    string(APPEND places "; there is no ${neighbour}")
  endif()
  if(Python3_EXECUTABLE)
    set(python "${Python3_EXECUTABLE}")
  else()
    unset(python)
    find_program(python NAMES python3 python NO_CACHE)
  endif()
  if(python)
    execute_process(
      COMMAND "${python}" -c
              "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')"
      OUTPUT_VARIABLE imported OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    set(${folder} "${imported}" PARENT_SCOPE)
    string(APPEND places "; ${python} has no module torch")
  else()
    string(APPEND places "; there is no Python on PATH")
  endif()
  set(${problem} "No torch was found (${places})." PARENT_SCOPE)
endfunction()

# Finds torch. The first that there is of these has to be good: FUNCSIM_TORCH_DIR; the torch that find_package(Torch) has found
# or would find through CMAKE_PREFIX_PATH; the folder `neighbour` unless ""; the torch that the Python on PATH imports.
# Sets funcsim_torch_dir and funcsim_torch_version, and funcsim_torch_problem to "" or to what is wrong.
function(funcsim_find_torch neighbour)
  set(hint "Set -DFUNCSIM_TORCH_DIR=<folder of the torch Python package or of an unpacked libtorch>.")
  funcsim_search_torch("${neighbour}" folder problem)
  if(NOT folder)
    set(funcsim_torch_problem "${problem} ${hint}" PARENT_SCOPE)
    return()
  endif()
  foreach(file lib/libtorch.so lib/libtorch_cpu.so lib/libc10.so include/torch/csrc/api/include/torch/version.h)
    if(NOT EXISTS "${folder}/${file}")
      set(funcsim_torch_problem "No torch in ${folder}: expected ${file} there. ${hint}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
  # The numbers are in the first of these where it exists, and were in the second before.
  set(version "")
  foreach(header headeronly/version.h csrc/api/include/torch/version.h)
    if(EXISTS "${folder}/include/torch/${header}" AND NOT version)
      file(STRINGS "${folder}/include/torch/${header}" lines REGEX "^#define TORCH_VERSION_(MAJOR|MINOR|PATCH) [0-9]+$")
      string(REGEX REPLACE "[^0-9;]" "" numbers "${lines}")
      string(REPLACE ";" "." version "${numbers}")
    endif()
  endforeach()
  if(version VERSION_LESS 2.11)
    set(funcsim_torch_problem "Torch in ${folder} is version ${version}, expected 2.11 or later. ${hint}" PARENT_SCOPE)
    return()
  endif()
  set(funcsim_torch_dir "${folder}" PARENT_SCOPE)
  set(funcsim_torch_version "${version}" PARENT_SCOPE)
  set(funcsim_torch_problem "" PARENT_SCOPE)
endfunction()

# Adds the target funcsim::torch, torch's whole C++ API: that of find_package(Torch) in projects that call it, before or after,
# otherwise the files of a folder. Further arguments: GLOBAL.
function(funcsim_add_torch folder)
  add_library(funcsim::torch INTERFACE IMPORTED ${ARGN})
  set(files $<NOT:$<TARGET_EXISTS:torch>>)
  target_include_directories(funcsim::torch INTERFACE
    "$<${files}:${folder}/include;${folder}/include/torch/csrc/api/include>")
  # libtorch.so stands for the backends: without it a program would find no CUDA.
  target_link_libraries(funcsim::torch INTERFACE
    "$<$<TARGET_EXISTS:torch>:torch>"
    "$<${files}:$<LINK_LIBRARY:FUNCSIM_NEEDED,${folder}/lib/libtorch.so>;${folder}/lib/libtorch_cpu.so;${folder}/lib/libc10.so>")
  # Undefined symbols of libraries that torch itself opens are torch's business: a linker may look them up in an older NCCL.
  target_link_options(funcsim::torch INTERFACE LINKER:--allow-shlib-undefined)
endfunction()
