"""Services on this machine that speak the protocols of the real ones, for work without an account.

Each is one reading of a protocol, made for tests and trials. They import nothing else of this package.
"""
