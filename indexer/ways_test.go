package indexer_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"keytrail/indexer"
	"keytrail/indexer/mirror"
	"keytrail/indexer/mirror/gittest"
	"keytrail/indexer/mirror/wire"
	"keytrail/storage"
)

// way is how a repository is reached: what carries the protocol, in which version, and who fetches.
type way struct {
	name    string
	carrier string // http, ssh or git
	old     bool   // the server speaks version 0 only
	engine  string
}

var ways = []way{
	{"http", "http", false, mirror.EngineNative},
	{"http v0", "http", true, mirror.EngineNative},
	{"ssh", "ssh", false, mirror.EngineNative},
	{"ssh v0", "ssh", true, mirror.EngineNative},
	{"git", "git", false, mirror.EngineNative},
	{"http libgit2", "http", false, mirror.EngineLibgit2},
	{"ssh libgit2", "ssh", false, mirror.EngineLibgit2},
	{"git libgit2", "git", false, mirror.EngineLibgit2},
}

// serve serves a repository in this way, through a relay that can do harm.
func (w way) serve(t *testing.T, repo *gittest.Repo) (indexer.Target, *gittest.Chaos) {
	t.Helper()
	refspecs, err := mirror.ParseRefspecs(true, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	target := indexer.Target{Refspecs: refspecs, Remote: mirror.RemoteOptions{Engine: w.engine}}
	var chaos *gittest.Chaos
	through := func(url string) string {
		server := strings.Split(strings.Split(url, "://")[1], "/")[0]
		chaos = gittest.NewChaos(t, server)
		return strings.Replace(url, server, chaos.Address, 1)
	}
	var url string
	switch w.carrier {
	case "http":
		o := gittest.Options{}
		if w.old {
			o.Protocol = "none"
		}
		url = through(gittest.Serve(t, repo, o))
	case "git":
		url = through(gittest.ServeGit(t, repo))
	case "ssh":
		s := gittest.ServeSSH(t, gittest.SSHOptions{NoVersion: w.old})
		chaos = gittest.NewChaos(t, s.Address)
		s = s.Through(t, chaos.Address)
		url = s.URL(repo)
		target.Remote.Wire.SSH = wire.SSH{
			Key:        func(context.Context) ([]byte, error) { return os.ReadFile(s.Key) },
			KnownHosts: s.KnownHosts,
		}
	}
	target.Spec = storage.RepositorySpec{HostID: url, Name: w.name, URL: url}
	return target, chaos
}
