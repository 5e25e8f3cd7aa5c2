"""Scar boxes, masks and morphology for late-gadolinium-enhancement cardiac MRI."""

__version__ = "0.1.0"
