package mirror

import (
	"context"
	"os"
	"testing"

	"keytrail/indexer/mirror/gittest"
	"keytrail/indexer/mirror/wire"
)

// ways are how a mirror reaches its server.
var ways = map[string]func(testing.TB, *gittest.Repo) (url string, o RemoteOptions){
	"http":    overHTTP(gittest.Options{}),
	"http v0": overHTTP(gittest.Options{Protocol: "none"}),
	"ssh":     overSSH(gittest.SSHOptions{}),
	"ssh v0":  overSSH(gittest.SSHOptions{NoVersion: true}),
	"git":     overGit,

	"http libgit2": byLibgit2(overHTTP(gittest.Options{})),
	"ssh libgit2":  byLibgit2(overSSH(gittest.SSHOptions{})),
}

func overGit(t testing.TB, r *gittest.Repo) (string, RemoteOptions) {
	return gittest.ServeGit(t, r), RemoteOptions{}
}

func byLibgit2(way func(testing.TB, *gittest.Repo) (string, RemoteOptions)) func(testing.TB, *gittest.Repo) (string, RemoteOptions) {
	return func(t testing.TB, r *gittest.Repo) (string, RemoteOptions) {
		url, o := way(t, r)
		o.Engine = EngineLibgit2
		return url, o
	}
}

func overHTTP(served gittest.Options) func(testing.TB, *gittest.Repo) (string, RemoteOptions) {
	return func(t testing.TB, r *gittest.Repo) (string, RemoteOptions) {
		return gittest.Serve(t, r, served), RemoteOptions{}
	}
}

func overSSH(served gittest.SSHOptions) func(testing.TB, *gittest.Repo) (string, RemoteOptions) {
	return func(t testing.TB, r *gittest.Repo) (url string, o RemoteOptions) {
		s := gittest.ServeSSH(t, served)
		o.Wire.SSH = wire.SSH{
			Key:        func(context.Context) ([]byte, error) { return os.ReadFile(s.Key) },
			KnownHosts: s.KnownHosts,
		}
		return s.URL(r), o
	}
}
