"""Who gets room: the supply, the queue, the solver, and the ledger through which every grant goes."""
