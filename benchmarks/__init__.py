"""Measures funcsim against other packages in one run: `./run bench`, see docs/performance.md."""
