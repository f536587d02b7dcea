// CoreDNS with the plugins that the generated configuration and the zones of the tests use. A complete build has
// a hundred times as many dependencies.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/file"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/hosts"
	_ "github.com/coredns/coredns/plugin/loop"
	_ "github.com/coredns/coredns/plugin/metrics"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"
	_ "github.com/coredns/coredns/plugin/template"
)

func main() {
	// The order of CoreDNS' own plugin.cfg: queries pass the plugins in this order, whatever the configuration.
	dnsserver.Directives = []string{
		"reload", "health", "ready", "prometheus", "errors", "cache", "template", "hosts", "file", "loop", "forward",
	}
	coremain.Run()
}
