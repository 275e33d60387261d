"""A real Kubernetes control plane with fake nodes, for tests: etcd, API server, controllers, scheduler and KWOK.

`ControlPlane` starts one, `Api` talks to it, `fleets` describes nodes, `nodes` applies and breaks them, and the stages in
`stages.yaml` say how a pod behaves when an annotation `sim.espalier.dev/...` asks for it.
"""
