"""What ./run does for GPUs, with programs that stand in for those that need one."""

import os
import pathlib
import subprocess
import sys

import built
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUN = ROOT / "run"
if not RUN.exists():
    pytest.skip("these are tests of a checkout", allow_module_level=True)


def sanitize_all(folder: pathlib.Path, sanitizer: str | None) -> subprocess.CompletedProcess[str]:
    """With a compute-sanitizer of these commands, if any."""
    kernels_test = folder / "build" / "tests" / "kernels" / "cuda" / "cuda_kernels_test"
    kernels_test.parent.mkdir(parents=True)
    kernels_test.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    kernels_test.chmod(0o755)
    programs = folder / "programs"
    programs.mkdir()
    if sanitizer is not None:
        (programs / "compute-sanitizer").write_text(f"#!/bin/bash\n{sanitizer}\n", encoding="utf-8")
        (programs / "compute-sanitizer").chmod(0o755)
    script = f"set -euo pipefail; build_dir=build; source {ROOT}/tools/cuda.sh; sanitizer_seconds=1; sanitize_all"
    environment = {"PATH": f"{programs}:/usr/bin:/bin", "CUDA_HOME": str(folder)}
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_kernels_are_run_under_both_tools_in_parts(tmp_path: pathlib.Path) -> None:
    log = tmp_path / "log"
    done = sanitize_all(tmp_path, f'echo "$GTEST_SHARD_INDEX/$GTEST_TOTAL_SHARDS $*" >>{log}; "${{@: -2}}"')
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == [
        "memcheck: no errors in the kernels' tests",
        "racecheck: no errors in the kernels' tests",
    ]
    calls = [line.split() for line in log.read_text(encoding="utf-8").splitlines()]
    assert sorted((call[2], call[0]) for call in calls) == [
        (tool, f"{part}/4") for tool in ("memcheck", "racecheck") for part in range(4)
    ]


@pytest.mark.parametrize(
    ("sanitizer", "returncode", "said"),
    [
        (None, 0, "memcheck, racecheck: NOT CHECKED: no compute-sanitizer on PATH or in"),
        ('[[ "$2" == memcheck ]]', 1, "racecheck: FAILED"),
        ("[[ $GTEST_SHARD_INDEX != 3 ]]", 1, "memcheck: FAILED"),
        ("echo '===== Device not supported'; exit 1", 0, "memcheck: NOT CHECKED"),
        ("sleep 30", 1, "memcheck: NOT DONE after 1 seconds"),
    ],
)
def test_what_was_not_checked_is_said(
    tmp_path: pathlib.Path, sanitizer: str | None, returncode: int, said: str
) -> None:
    done = sanitize_all(tmp_path, sanitizer)
    assert done.returncode == returncode, done.stdout + done.stderr
    assert said in done.stdout + done.stderr


def prebuilt(folder: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "FUNCSIM_PREBUILT": "1",
        "PATH": f"{pathlib.Path(sys.executable).parent}:/usr/bin:/bin",
    }
    command = [folder / "run", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_a_checkout_that_was_built_elsewhere_runs_as_it_is() -> None:
    built.need(ROOT / "python_bindings" / "funcsim" / "lib" / "libfuncsim.so")
    done = prebuilt(ROOT, "python", "-c", "import funcsim; print(funcsim.__file__)")
    assert done.stdout.strip() == str(ROOT / "python_bindings" / "funcsim" / "__init__.py"), done.stderr


def test_a_checkout_without_libraries_says_so(tmp_path: pathlib.Path) -> None:
    (tmp_path / "run").write_bytes(RUN.read_bytes())
    (tmp_path / "run").chmod(0o755)
    (tmp_path / "tools").symlink_to(ROOT / "tools")
    done = prebuilt(tmp_path, "test-cuda")
    assert done.returncode == 1
    assert "there is no python_bindings/funcsim/lib/libfuncsim.so" in done.stderr
