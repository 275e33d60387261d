"""How a system stands, and what is due in it: recovery, rollouts, moves. Nearly all pure."""
