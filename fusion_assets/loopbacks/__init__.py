"""Services on this machine that speak the protocols of the real ones, for work without an account.

Each is one reading of a protocol, not the service itself: see docs/loopback.md, and the README beside the other. They
import nothing else of this package. `fusion loopback` starts them.
"""
