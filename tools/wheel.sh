# shellcheck shell=bash
# Sourced by ./run: the wheel, and the tests as they run where nothing but the wheel is installed.

oldest_torch=2.11.0
middle_torch=2.13.0
# shellcheck disable=SC2154  # environment.sh sets it
newest_torch="$default_torch"

wheel() {
  prepare
  rm -rf build/wheel/raw
  echo "Building the wheel"
  python -m pip wheel --quiet --disable-pip-version-check --no-build-isolation --no-deps -w build/wheel/raw .
  rm -rf dist
  # torch's own wheels ask for the same, and their libraries are what is left out. auditwheel refuses what is younger.
  auditwheel repair --plat manylinux_2_28_x86_64 --only-plat --exclude 'libtorch*' --exclude 'libc10*' \
    -w dist build/wheel/raw/*.whl
  ls -l dist/*.whl
}

# An interpreter of that version, 3.12 say: on PATH, or one of pyenv's.
python_of_version() {
  local candidate
  for candidate in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/python; do
    if "$candidate" -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != sys.argv[1])' "$1" 2>/dev/null; then
      echo "$candidate"
      return 0
    fi
  done
  return 1
}

# The oldest, a middle and the newest torch, and the newest with every other Python that is found.
usual_specs() {
  local version
  echo "$oldest_torch" "$middle_torch" "$newest_torch"
  for version in 3.11 3.12 3.13 3.14; do
    if [[ "$version" != "$1" ]] && python_of_version "$version" >/dev/null; then
      echo "$newest_torch@$version"
    fi
  done
}

# An environment with nothing but torch, the wheel and what the tests need.
make_wheel_environment() { # folder, torch, python
  local folder="$1" torch="$2" python="$3" stamp
  stamp="$folder/.installed-$({
    cat tools/requirements-test{,-weights}.txt
    torchvision_for "$torch"
  } | sha256sum | cut -c1-16)"
  if [[ ! -e "$stamp" ]]; then
    echo "Making $folder with torch $torch and $("$python" --version)"
    rm -rf "$folder"
    uv venv --quiet --python "$python" "$folder"
    install_with_torch "$folder/bin/python" "$torch" tools/requirements-test.txt
    touch "$stamp"
  fi
  uv pip install --quiet --python "$folder/bin/python" --reinstall-package funcsim dist/funcsim-*.whl
}

test_wheel() { # folder [pytest arguments]
  local folder="$1"
  shift
  # Of the checkout, the tests read texts and examples; what they import is what is installed. What a browser shows
  # doesn't depend on that.
  env -u PYTHONPATH -u FUNCSIM_LIBRARY -u FUNCSIM_BUILD_DIR -u FUNCSIM_REQUIRE_EXAMPLES \
    PATH="$PWD/$folder/bin:$PATH" FUNCSIM_WHEEL_DIR="$PWD/dist" \
    "$folder/bin/python" -m pytest -m "not built_with_torch" --ignore tests/python/test_report_browser.py "$@"
}

test_matrix() { # [specs] [-- pytest arguments]
  local specs=()
  while [[ $# -gt 0 && "$1" != -- ]]; do
    specs+=("$1")
    shift
  done
  [[ $# -eq 0 ]] || shift
  wheel
  local project_python spec torch version python folder log summary=() failed=0
  project_python="$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
  if [[ ${#specs[@]} -eq 0 ]]; then
    mapfile -t specs < <(usual_specs "$project_python" | tr ' ' '\n')
  fi
  for spec in "${specs[@]}"; do
    [[ "$spec" =~ ^[0-9]+(\.[0-9]+)+(@3\.[0-9]+)?$ ]] || {
      echo "./run test-matrix: expected a version of torch, or of torch and Python, such as 2.15.0@3.13, got $spec" >&2
      exit 2
    }
    torch="${spec%@*}" version="$project_python"
    [[ "$spec" == *@* ]] && version="${spec#*@}"
    python="$(python_of_version "$version")" || {
      echo "./run test-matrix: no Python $version for $spec, neither on PATH nor in pyenv's folder" >&2
      exit 1
    }
    folder=".venv-wheel-$torch-$version" log="build/wheel/tests-$torch-$version.log"
    make_wheel_environment "$folder" "$torch" "$python"
    echo "Testing the wheel with torch $torch and Python $version"
    if test_wheel "$folder" "$@" 2>&1 | tee "$log"; then
      summary+=("torch $torch  Python $version  $(tail -n 1 "$log")")
    else
      summary+=("torch $torch  Python $version  FAILED  $(tail -n 1 "$log")")
      failed=1
    fi
  done
  echo
  printf '%s\n' "${summary[@]}"
  return "$failed"
}
