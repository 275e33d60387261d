// Command controlplane is a Kubernetes control plane in one file, for tests on machines without containers.
//
// Its first argument names the component to be; the rest are that component's own flags. One process each: feature
// gates, signal handlers and registries are global to a process, so two components in one would fight over them.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kwokconfig "sigs.k8s.io/kwok/pkg/config"
	kwok "sigs.k8s.io/kwok/pkg/kwok/cmd"
	kwoklog "sigs.k8s.io/kwok/pkg/log"
)

var components = map[string]func() *cobra.Command{
	"kube-apiserver":          apiserver.NewAPIServerCommand,
	"kube-controller-manager": controllermanager.NewControllerManagerCommand,
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	"kubectl":                 kubectl.NewDefaultKubectlCommand,
}

// runKwok reads KWOK's configuration before its command is made, because the command's defaults come from it.
func runKwok() {
	flags := pflag.NewFlagSet("global", pflag.ContinueOnError)
	flags.ParseErrorsAllowlist.UnknownFlags = true
	ctx, _ := kwoklog.InitFlags(context.Background(), flags)
	ctx, err := kwokconfig.InitFlags(ctx, flags)
	if err != nil {
		fail(fmt.Sprintf("controlplane: kwok: %v", err))
	}
	command := kwok.NewCommand(ctx)
	command.Version = "" // its flag --version clashes with component-base's
	command.PersistentFlags().AddFlagSet(flags)
	if err := command.ExecuteContext(ctx); err != nil {
		fail(fmt.Sprintf("controlplane: kwok: %v", err))
	}
}

func main() {
	if len(os.Args) < 2 {
		fail("usage: controlplane COMPONENT [FLAG...], COMPONENT one of etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubectl, kwok")
	}
	name := os.Args[1]
	os.Args = append([]string{name}, os.Args[2:]...)
	switch name {
	case "etcd":
		etcdmain.Main(os.Args)
		return
	case "kwok":
		runKwok()
		return
	}
	component, known := components[name]
	if !known {
		fail(fmt.Sprintf("controlplane: no component is called %q", name))
	}
	os.Exit(cli.Run(component()))
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(2)
}
