"""What connects funcsim with other packages, each in a module of its own. ``import funcsim`` imports none of them."""
