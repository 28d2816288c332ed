"""Printed tables held against themselves: what the digits allow, and what they rule out."""
