"""The way to a cluster: the `Kube` port, its adapter over HTTP, and what its answers mean."""
