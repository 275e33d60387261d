"""A simulated cluster: a small server that answers as a Kubernetes API server does, with a scheduler and kubelets of its own.

`kinds` what is served; `objects` what is stored; `api` the verbs; `patching` and `applying` the ways to write; `pods` what a pod
allows; `scheduler`, `kubelet`, `nodes`, `evicting`, `collector` what goes on by itself; `cluster` all of it; `server` HTTP before
it. Judged by the tests of the `Kube` port, which the real control plane passes too.
"""
