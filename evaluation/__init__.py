"""What funcsim's numbers mean, next to the measures that people use: ./run evaluate."""
