# shellcheck shell=bash
# Sourced by ./run: the tests that take a GPU. They fail where there is none.

sanitizer_seconds=200 # a tool gets, all its processes at once
sanitizer_processes=4 # of a tool

# The kernels' tests with what they are linked to, wherever the checkout was built.
run_kernel_tests() { # [command to run them under]
  # shellcheck disable=SC2154  # environment.sh sets it
  FUNCSIM_REQUIRE_CUDA=1 LD_LIBRARY_PATH="$PWD/$build_dir/lib:$PWD/python_bindings/funcsim/lib:${LD_LIBRARY_PATH:-}" \
    "$@" "$build_dir/tests/kernels/cuda/cuda_kernels_test" --gtest_brief=1
}

find_sanitizer() {
  command -v compute-sanitizer || ls "${CUDA_HOME:-/usr/local/cuda}/bin/compute-sanitizer" 2>/dev/null
}

# Runs the kernels' tests under a tool of compute-sanitizer, split over processes. Prints what it found.
sanitize() { # tool, logs' folder
  local sanitizer process pids=() failed=0
  sanitizer="$(find_sanitizer)"
  for ((process = 0; process < sanitizer_processes; ++process)); do
    GTEST_TOTAL_SHARDS=$sanitizer_processes GTEST_SHARD_INDEX=$process run_kernel_tests \
      timeout --kill-after=5 "$sanitizer_seconds" "$sanitizer" --tool "$1" --error-exitcode 9 >"$2/$1-$process.log" 2>&1 &
    pids+=($!)
  done
  for process in "${!pids[@]}"; do
    local status=0 log="$2/$1-$process.log"
    wait "${pids[$process]}" || status=$?
    if [[ $status == 0 ]]; then
      continue
    elif grep -q "Device not supported" "$log"; then
      echo "$1: NOT CHECKED: compute-sanitizer says that it doesn't support this device or machine"
      return 0
    elif [[ $status == 124 ]]; then
      echo "$1: NOT DONE after $sanitizer_seconds seconds: $log" >&2
    else
      tail -n 40 "$log" >&2
      echo "$1: FAILED: $log" >&2
    fi
    failed=1
  done
  [[ $failed == 0 ]] && echo "$1: no errors in the kernels' tests"
}

sanitize_all() {
  local logs="$build_dir/sanitizer"
  if [[ -z "$(find_sanitizer)" ]]; then
    echo "memcheck, racecheck: NOT CHECKED: no compute-sanitizer on PATH or in ${CUDA_HOME:-/usr/local/cuda}/bin"
    return 0
  fi
  mkdir -p "$logs"
  local tool pids=() pid failed=0
  for tool in memcheck racecheck; do
    sanitize "$tool" "$logs" &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do
    wait "$pid" || failed=1
  done
  return $failed
}

test_cuda() { # [pytest arguments]
  configure_all
  build funcsim
  if cmake --build "$build_dir" --target help 2>/dev/null | grep -q '^cuda_kernels_test:'; then
    build cuda_kernels_test
  fi
  if [[ ! -x "$build_dir/tests/kernels/cuda/cuda_kernels_test" ]]; then
    echo "test-cuda: $build_dir/tests/kernels/cuda/cuda_kernels_test isn't built, which takes nvcc: see what cmake said" >&2
    exit 1
  fi
  local failed=0
  run_kernel_tests || failed=1
  sanitize_all || failed=1
  # Not those of examples, which may not be there.
  FUNCSIM_REQUIRE_CUDA=1 FUNCSIM_BUILD_DIR="$PWD/$build_dir" python -m pytest -k cuda "$@" || failed=1
  return $failed
}
