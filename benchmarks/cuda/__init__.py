"""The benchmarks on a GPU: `./run bench --device cuda`, see docs/performance/cuda.md."""
