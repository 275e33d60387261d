"""When: the entity, its operations, the pure decision `next_step`. Deterministic."""
