"""Who: every main(): worker, agent, CLI; settings, wiring, telemetry."""
