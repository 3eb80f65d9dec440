package daemon

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"keytrail/indexer/mirror"
)

// versionInfo says what a binary is made of.
type versionInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go"`
	Libgit2  string `json:"libgit2"` // the library as linked at run time
}

func versionOf() versionInfo {
	v := versionInfo{Version: "devel", Go: runtime.Version(), Libgit2: mirror.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if m := info.Main.Version; m != "" && m != "(devel)" {
		v.Version = m
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Revision = s.Value
		}
	}
	return v
}

// buildInfo is the metric that says which keytrail this is.
func buildInfo() prometheus.Collector {
	v := versionOf()
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "keytrail_build_info",
		Help:        "Always 1; the labels say which keytrail this is.",
		ConstLabels: prometheus.Labels{"version": v.Version, "revision": v.Revision, "go": v.Go, "libgit2": v.Libgit2},
	})
	g.Set(1)
	return g
}

type versionCommand struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// Run prints the version.
func (c *versionCommand) Run(p Process) error {
	v := versionOf()
	if c.JSON {
		return json.NewEncoder(p.Stdout).Encode(v)
	}
	name := strings.TrimSpace("keytrail " + v.Version + " " + v.Revision)
	_, err := fmt.Fprintf(p.Stdout, "%s\n%s, libgit2 %s\n", name, v.Go, v.Libgit2)
	return err
}
