"""Decisions as data: presets, calibration, measurement, and the gate before a question alerts."""
