"""The systems, a folder each. No system knows another; what two of them need lies in a shared room."""
