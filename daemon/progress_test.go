package daemon

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"keytrail/indexer"
)

func TestProgressOffATerminalIsALineEveryFewSeconds(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out)
	b := p.add("shop")
	b.update(indexer.Progress{Phase: indexer.PhaseLook})
	if out.Len() > 0 {
		t.Errorf("a line at once, which short work need not have: %q", out.String())
	}
	var want string
	for _, step := range []struct {
		progress indexer.Progress
		line     string
	}{
		{indexer.Progress{Phase: indexer.PhaseLook}, "shop: looking\n"},
		{indexer.Progress{Phase: indexer.PhaseFetch, Objects: 12, Bytes: 3_400_000}, "shop: fetching: 12 objects, 3.4 MB\n"},
		{indexer.Progress{Phase: indexer.PhaseWalk, Commits: 512}, "shop: walking: 512 commits\n"},
		{indexer.Progress{Phase: indexer.PhaseStore, Commits: 600}, "shop: storing: 600 commits\n"},
	} {
		b.nextLine = time.Now().Add(-time.Second) // as if the time had come
		b.update(step.progress)
		b.update(step.progress)
		want += step.line
		if got := out.String(); got != want {
			t.Fatalf("progress %q, want %q", got, want)
		}
	}
	b.done(errors.New("it failed"))
	p.wait()
	if got := out.String(); got != want {
		t.Errorf("the end of the work is the summary's to tell, got %q", got)
	}
}
