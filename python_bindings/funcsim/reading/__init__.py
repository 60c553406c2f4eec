"""How networks are read: inputs, hidden layers, when their units fire."""
