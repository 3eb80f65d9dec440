package main_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keytrail/bench/reference"
	"keytrail/indexer/mirror/gittest"
)

var kills = flag.Int("kills", 50, "rounds of kill -9")

// TestNothingAcknowledgedIsLostToKill9 kills index and serve in turn at random instants while somebody pushes. After
// each the index is sound and holds whatever it had answered before. At the end it equals git log.
func TestNothingAcknowledgedIsLostToKill9(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	v := &victim{t: t, random: rand.New(rand.NewPCG(seed, 0)), data: filepath.Join(t.TempDir(), "data"), seen: map[string]bool{}}
	for range 2 {
		repo := gittest.Init(t)
		repo.Commits("refs/heads/main", "ABC-1 number", 300)
		v.repos = append(v.repos, repo)
	}
	v.places = []string{v.repos[0].Path, gittest.Serve(t, v.repos[1], gittest.Options{})}
	for round := range *kills {
		if round%2 == 0 {
			v.killIndex()
		} else {
			v.killServe()
		}
		if code, stdout, stderr := run(t, "verify", "--data", v.data); code != 0 && !strings.Contains(stderr, "holds no index") {
			t.Fatalf("round %d: verify: exit code %d\n%s%s", round, code, stdout, stderr)
		}
		if lost := v.lost(); len(lost) > 0 {
			t.Fatalf("round %d: answered before and gone: %v", round, lost)
		}
	}
	v.compareWithGit()
}

// victim is a data directory whose processes are killed.
type victim struct {
	t      *testing.T
	random *rand.Rand
	data   string
	repos  []*gittest.Repo
	places []string
	pushed int
	seen   map[string]bool // "key sha" of every posting that was answered
}

// push commits to one of the repositories.
func (v *victim) push() {
	v.pushed++
	ref := fmt.Sprint("refs/heads/", []string{"main", "topic"}[v.random.IntN(2)])
	v.repos[v.random.IntN(2)].CommitTo(ref, fmt.Sprintf("ABC-%d pushed", v.pushed%7+1))
}

func (v *victim) instant(most time.Duration) time.Duration {
	return time.Duration(v.random.Int64N(int64(most)))
}

func (v *victim) killIndex() {
	v.t.Helper()
	for range v.random.IntN(4) {
		v.push()
	}
	cmd := exec.Command(binary, append([]string{"index", "--data", v.data}, v.places...)...)
	if err := cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	time.Sleep(v.instant(120 * time.Millisecond))
	_ = cmd.Process.Kill() // it may have ended
	_ = cmd.Wait()
}

func (v *victim) killServe() {
	v.t.Helper()
	d := serve(v.t, nil, append([]string{"--data", v.data}, v.places...)...)
	var pushes sync.WaitGroup
	pushes.Go(func() {
		for range 3 {
			v.push()
			d.request("POST", "/api/v1/repositories/1/reindex", `{}`)
			d.request("POST", "/api/v1/repositories/2/reindex", `{}`)
		}
	})
	for range 8 {
		for _, sha := range d.commits("ABC-2") {
			v.seen["ABC-2 "+sha] = true
		}
		time.Sleep(3 * time.Millisecond)
	}
	if err := d.cmd.Process.Kill(); err != nil {
		v.t.Error(err)
	}
	<-d.done
	pushes.Wait()
}

// postings is what the index exports: "key sha" of each, sorted.
func (v *victim) postings() []string {
	v.t.Helper()
	code, stdout, stderr := run(v.t, "export", "--data", v.data)
	if strings.Contains(stderr, "holds no index") {
		return nil
	}
	if code != 0 {
		v.t.Fatalf("export: exit code %d\n%s", code, stderr)
	}
	var out []string
	for line := range strings.Lines(stdout) {
		var p struct{ Key, SHA string }
		if err := json.Unmarshal([]byte(line), &p); err != nil {
			v.t.Fatal(err)
		}
		out = append(out, p.Key+" "+p.SHA)
	}
	slices.Sort(out)
	return out
}

// lost gives postings that were answered once and are no longer there. Nobody pushes by force, so all must be.
func (v *victim) lost() []string {
	v.t.Helper()
	has := map[string]bool{}
	for _, p := range v.postings() {
		has[p] = true
	}
	var lost []string
	for p := range v.seen {
		if !has[p] {
			lost = append(lost, p)
		}
	}
	for p := range has {
		v.seen[p] = true // it has been answered now
	}
	return lost
}

func (v *victim) compareWithGit() {
	v.t.Helper()
	if code, stdout, stderr := run(v.t, append([]string{"index", "--data", v.data}, v.places...)...); code != 0 {
		v.t.Fatalf("index: exit code %d\n%s%s", code, stdout, stderr)
	}
	if code, stdout, stderr := run(v.t, "verify", "--deep", "--data", v.data); code != 0 {
		v.t.Errorf("verify --deep: exit code %d\n%s%s", code, stdout, stderr)
	}
	var want []string
	for _, repo := range v.repos {
		for c, err := range reference.Log(v.t.Context(), repo.Path) {
			if err != nil {
				v.t.Fatal(err)
			}
			for _, k := range c.Keys {
				want = append(want, k+" "+c.SHA)
			}
		}
	}
	slices.Sort(want)
	if d := cmp.Diff(want, v.postings()); d != "" {
		v.t.Errorf("the index differs from git log (-git +index):\n%s", d)
	}
}
