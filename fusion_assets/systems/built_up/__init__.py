"""System 1: yearly maps of built-up land from optics and night lights."""
