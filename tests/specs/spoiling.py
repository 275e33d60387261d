"""The manifests that tests of bad ones spoil."""

GOOD = """\
apiVersion: espalier.dev/v1alpha1
kind: InferenceSystem
metadata:
  name: llama
spec:
  start: explicit
  members:
  - role: router
    replicas: 2
    template: {spec: {containers: [{name: server, image: busybox}]}}
  - group: prefill
    replicas: 4
    after: [router]
    place: {within: rack}
    members:
    - role: worker
      replicas: 3
      template: {spec: {containers: [{name: server, image: busybox}]}}
"""
POD = "{spec: {containers: [{name: server, image: busybox}]}}"

FABRIC = """\
apiVersion: espalier.dev/v1alpha1
kind: Fabric
spec:
  levels:
  - {name: zone, label: topology.kubernetes.io/zone}
  - {name: rack, label: example.com/rack}
metadata: {name: default}
"""
