"""``python -m funcsim_cli``."""

from .main import main

main()
