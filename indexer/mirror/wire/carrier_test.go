package wire

import (
	"context"
	"os"
	"testing"

	"keytrail/indexer/mirror/gittest"
)

// carriers are the ways to a server, each with the protocol version that is spoken over it.
var carriers = map[string]struct {
	version int
	serve   func(*testing.T, *gittest.Repo) *Client
}{
	"http v2": {2, overHTTP(gittest.Options{})},
	"http v1": {1, overHTTP(gittest.Options{Protocol: "version=1"})},
	"http v0": {0, overHTTP(gittest.Options{Protocol: "none"})},
	"ssh v2":  {2, overSSH(gittest.SSHOptions{})},
	"ssh v0":  {0, overSSH(gittest.SSHOptions{NoVersion: true})},
	"git v2": {2, func(t *testing.T, r *gittest.Repo) *Client {
		return dial(t, gittest.ServeGit(t, r), Options{})
	}},
}

func overHTTP(o gittest.Options) func(*testing.T, *gittest.Repo) *Client {
	return func(t *testing.T, r *gittest.Repo) *Client { return dial(t, gittest.Serve(t, r, o), Options{}) }
}

func overSSH(o gittest.SSHOptions) func(*testing.T, *gittest.Repo) *Client {
	return func(t *testing.T, r *gittest.Repo) *Client {
		s := gittest.ServeSSH(t, o)
		return dial(t, s.URL(r), Options{SSH: trusting(s)})
	}
}

// trusting is how to authenticate with a server of the test.
func trusting(s *gittest.SSHServer) SSH {
	return SSH{Key: contents(s.Key), KnownHosts: s.KnownHosts}
}

func contents(file string) func(context.Context) ([]byte, error) {
	return func(context.Context) ([]byte, error) { return os.ReadFile(file) }
}
