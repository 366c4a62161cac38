"""What users' files bring: coding, narrow bands, low levels, noise, rooms and other speeds, done to clean audio."""
