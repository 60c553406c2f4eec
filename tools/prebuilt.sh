# shellcheck shell=bash
# Sourced by ./run where FUNCSIM_PREBUILT is set, in place of setting up: for a machine from which nothing can be installed,
# to which a checkout with what was built elsewhere was copied. Python is the python3 on PATH.

prepare() {
  if [[ ! -e python_bindings/funcsim/lib/libfuncsim.so ]]; then
    echo "FUNCSIM_PREBUILT is set, but there is no python_bindings/funcsim/lib/libfuncsim.so. Build it elsewhere: ./run build" >&2
    exit 1
  fi
  export PYTHONPATH="$PWD/python_bindings${PYTHONPATH:+:$PYTHONPATH}"
}

configure() { :; }

build() {
  prepare
}

install_browser() { :; }
install_peers() { :; }
install_evaluation() { :; }

python() { # arguments
  python3 "$@"
}
