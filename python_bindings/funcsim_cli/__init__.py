"""The command ``funcsim``.

A package of its own beside ``funcsim``: importing anything of that loads torch, which takes seconds, and help,
completion and bad options need none of it. What needs torch is imported when a command runs.
"""
