"""A second opinion on funcsim, written from its mathematics and not from its code.

Everything here is naive on purpose: numpy, scipy and plain torch modules, float64, loops where loops are clearer.
Nothing in this package may import funcsim.
"""
