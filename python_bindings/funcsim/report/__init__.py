"""What people look at: the pages that save_html writes, plots, DataFrames, what notebooks show."""
