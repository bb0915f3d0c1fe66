"""What people look at: pages, tables, figures, map layers, and the server that shows them."""
