"""How: the `Kube` port and its adapter; place, apply, observe. Safe to repeat."""
