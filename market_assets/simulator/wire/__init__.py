"""How each venue speaks: paths, parameters, rows and errors."""
