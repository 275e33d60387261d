"""Plans that change what runs, for the fewest pods: repair, preemption, defragmentation."""
