package mirror

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"keytrail/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source is what a Local and a Remote have in common.
type source interface {
	Look(ctx context.Context, since Digest) (*Look, error)
	Fetch(ctx context.Context, look *Look, changed []Ref, progress func(Progress)) (Fetched, error)
	Walk(ctx context.Context, tips []storage.OID, known func(storage.OID) (bool, error), keys FindKeys) iter.Seq2[[]storage.Commit, error]
	Notes(ctx context.Context, ref string, from, to storage.OID) (changes []Note, isWhole bool, err error)
	Discard() error
	Close() error
}

// chosen are the refspecs of most tests: branches, tags, notes, and others as said.
func chosen(t testing.TB, other ...string) Refspecs {
	t.Helper()
	specs, err := ParseRefspecs(true, false, other)
	if err != nil {
		t.Fatal(err)
	}
	return specs
}

func openLocal(t testing.TB, path string, other ...string) *Local {
	t.Helper()
	l, err := OpenLocal(path, chosen(t, other...), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// openRemote makes a mirror in a directory of the test's own, with connections that end with the test.
func openRemote(t testing.TB, url string, o RemoteOptions) *Remote {
	t.Helper()
	return openRemoteIn(t, filepath.Join(t.TempDir(), "1.git"), url, o)
}

func openRemoteIn(t testing.TB, dir, url string, o RemoteOptions) *Remote {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	o.Wire.Transport = transport
	if o.Engine == "" {
		o.Engine = engineOf(t)
	}
	if o.Wire.Stall == 0 {
		o.Wire.Stall = 20 * time.Second
	}
	r, err := OpenRemote(dir, url, chosen(t), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func look(t testing.TB, s source) *Look {
	t.Helper()
	l, err := s.Look(t.Context(), Digest{})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// update looks and fetches the refs that differ from those before, as an indexer does.
func update(t testing.TB, s source, before *Look) (*Look, Fetched) {
	t.Helper()
	now := lookSince(t, s, before)
	whole := *now
	if err := whole.Whole(); err != nil {
		t.Fatal(err)
	}
	fetched, err := s.Fetch(t.Context(), now, changedSince(before, now), nil)
	if err != nil {
		t.Fatal(err)
	}
	return &whole, fetched
}

// lookSince is the look that follows upon another: partial, if the source makes such.
func lookSince(t testing.TB, s source, before *Look) *Look {
	t.Helper()
	if before == nil {
		return look(t, s)
	}
	now, err := s.Look(t.Context(), before.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if now.IsSame {
		return before
	}
	return now
}

func changedSince(before, now *Look) []Ref {
	return slices.DeleteFunc(slices.Clone(now.Refs), func(r Ref) bool { return before != nil && slices.Contains(before.Refs, r) })
}

// tips are the commits of fetched refs.
func tips(refs []Ref) []storage.OID {
	var oids []storage.OID
	for _, r := range refs {
		if !r.Commit.IsZero() {
			oids = append(oids, r.Commit)
		}
	}
	return oids
}

// walked is every commit of a walk; a commit that comes twice fails the test.
func walked(t testing.TB, s source, tips []storage.OID, known func(storage.OID) (bool, error)) map[storage.OID]storage.Commit {
	t.Helper()
	commits := map[storage.OID]storage.Commit{}
	for batch, err := range s.Walk(t.Context(), tips, known, nil) {
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range batch {
			if _, twice := commits[c.OID]; twice {
				t.Errorf("commit %s comes twice", c.OID)
			}
			commits[c.OID] = c
		}
	}
	return commits
}

// walkError is the error that a walk ends with.
func walkError(ctx context.Context, s source, tips ...storage.OID) error {
	for _, err := range s.Walk(ctx, tips, nil, nil) {
		if err != nil {
			return err
		}
	}
	return nil
}

// sorted are the hex names of commits, in the form of git rev-list | sort.
func sorted(commits map[storage.OID]storage.Commit) string {
	var lines []string
	for oid := range commits {
		lines = append(lines, oid.String())
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func sortedLines(s string) string {
	lines := strings.Fields(s)
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func names(refs []Ref) []string {
	var list []string
	for _, r := range refs {
		list = append(list, r.Name)
	}
	return list
}

// find gives the ref of a name.
func find(t testing.TB, refs []Ref, name string) Ref {
	t.Helper()
	i := slices.IndexFunc(refs, func(r Ref) bool { return r.Name == name })
	if i < 0 {
		t.Fatalf("no ref %q among %q", name, names(refs))
	}
	return refs[i]
}

// wantError demands one clear error: one line, of a kind, with all the parts said.
func wantError(t testing.TB, err, kind error, parts ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("error is %v, not %v", err, kind)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error has several lines: %q", err)
	}
	if strings.Count(err.Error(), kind.Error()) > 1 {
		t.Errorf("error says %q more than once: %q", kind, err)
	}
}
