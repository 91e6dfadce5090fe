"""A private Godwit installation under one folder: PostgreSQL, Mosquitto, server and agents (demo and fleet tests)."""
