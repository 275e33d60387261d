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

CLIQUE_SET = """\
apiVersion: grove.io/v1alpha1
kind: PodCliqueSet
metadata: {name: llama}
spec:
  replicas: 2
  template:
    cliqueStartupType: CliqueStartupTypeExplicit
    priorityClassName: urgent
    topologyConstraint: {topologyName: fabric, pack: {required: block}}
    cliques:
    - name: router
      labels: {team: red}
      spec:
        roleName: router
        replicas: 3
        minAvailable: 2
        podSpec: {schedulerName: kai-scheduler, restartPolicy: Never, containers: [{name: main, image: busybox}]}
    - name: leader
      spec:
        roleName: leader
        startsAfter: [router]
        podSpec: {schedulerName: kai-scheduler, containers: [{name: main, image: busybox}]}
    - name: worker
      topologyConstraint: {pack: {preferred: host}}
      spec:
        roleName: worker
        replicas: 4
        startsAfter: [leader]
        podSpec: {schedulerName: kai-scheduler, containers: [{name: main, image: busybox}]}
    podCliqueScalingGroups:
    - name: prefill
      cliqueNames: [worker, leader]
      replicas: 3
      topologyConstraint: {pack: {required: rack}}
"""
