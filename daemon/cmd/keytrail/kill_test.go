package main_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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
	rounds := *kills
	if testing.Short() {
		rounds = min(rounds, 8)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	v := &victim{t: t, random: rand.New(rand.NewPCG(seed, 0)), data: filepath.Join(t.TempDir(), "data"), seen: map[string]bool{}, counts: map[int]int{}}
	for range 2 {
		repo := gittest.Init(t)
		repo.Commits("refs/heads/main", "ABC-1 number", 300)
		v.repos = append(v.repos, repo)
	}
	v.places = []string{v.repos[0].Path, gittest.Serve(t, v.repos[1], gittest.Options{})}
	for round := range rounds {
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
	if v.told.Load() == 0 {
		t.Error("nothing was ever acknowledged, so that nothing was proved: kill later")
	}
	v.compareWithGit()
}

// victim is a data directory whose processes are killed.
type victim struct {
	t      *testing.T
	random *rand.Rand
	data   string
	repos  []*gittest.Repo // of the repositories 1, 2, … in the index
	places []string
	pushed int
	seen   map[string]bool // every posting that was answered, as in postings
	told   atomic.Int64    // how many exports and summaries came before their process was killed
	counts map[int]int     // by repository, the postings that the round's summary of index told of
}

// push changes one of the repositories: mostly a commit, sometimes a branch that begins anew or goes.
func (v *victim) push() {
	v.pushed++
	repo := v.repos[v.random.IntN(len(v.repos))]
	message := fmt.Sprintf("ABC-%d push %d", v.pushed%7+1, v.pushed)
	switch n := v.random.IntN(10); {
	case n < 6:
		repo.CommitTo("refs/heads/main", message)
	case n < 8:
		repo.CommitTo("refs/heads/topic", message)
	case n < 9:
		repo.Orphan("refs/heads/topic", message)
	default:
		repo.Git("update-ref", "-d", "refs/heads/topic")
	}
}

// instant gives when to kill: 10 to 150 ms from now.
func (v *victim) instant() time.Duration {
	return time.Duration(10+v.random.IntN(140)) * time.Millisecond
}

func (v *victim) killIndex() {
	v.t.Helper()
	for range v.random.IntN(4) {
		v.push()
	}
	cmd := exec.Command(binary, append([]string{"index", "--json", "--data", v.data}, v.places...)...)
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	time.Sleep(v.instant())
	_ = cmd.Process.Kill() // it may have ended
	_ = cmd.Wait()
	for line := range bytes.Lines(out.Bytes()) {
		var s struct {
			ID, Postings int
			Error        string
		}
		if err := json.Unmarshal(line, &s); err == nil && s.Error == "" { // the last line may be half a line
			v.counts[s.ID] = s.Postings
			v.told.Add(1)
		}
	}
}

// killServe kills the daemon as it starts in one of three rounds, and at work in the others.
func (v *victim) killServe() {
	v.t.Helper()
	if v.random.IntN(3) == 0 {
		d := start(v.t, freeAddress(v.t), nil, append([]string{"--data", v.data, "--listen", "127.0.0.1:0"}, v.places...)...)
		time.Sleep(v.instant())
		d.kill()
		return
	}
	d := serve(v.t, nil, append([]string{"--data", v.data}, v.places...)...)
	instant := v.instant() // the pushes draw from the same random numbers
	stop := make(chan struct{})
	var others sync.WaitGroup
	others.Go(func() {
		for !isClosed(stop) {
			v.push()
			d.request("POST", "/api/v1/repositories/1/reindex", `{}`)
			d.request("POST", "/api/v1/repositories/2/reindex", `{"full":true}`)
		}
	})
	others.Go(func() {
		for !isClosed(stop) {
			if code, answer := d.get("/api/v1/export"); code == http.StatusOK {
				v.told.Add(1)
				for _, p := range postingsOf(v.t, answer) {
					v.seen[p] = true
				}
			}
		}
	})
	time.Sleep(instant)
	d.kill()
	close(stop)
	others.Wait()
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// postings is what the index exports, sorted.
func (v *victim) postings() []string {
	v.t.Helper()
	code, stdout, stderr := run(v.t, "export", "--data", v.data)
	if strings.Contains(stderr, "holds no index") {
		return nil
	}
	if code != 0 {
		v.t.Fatalf("export: exit code %d\n%s", code, stderr)
	}
	return postingsOf(v.t, stdout)
}

// postingsOf reads an export: "repository key sha" of each posting, sorted.
func postingsOf(t *testing.T, export string) []string {
	t.Helper()
	var out []string
	for line := range strings.Lines(export) {
		var p struct {
			Key, SHA   string
			Repository struct{ ID int }
		}
		if err := json.Unmarshal([]byte(line), &p); err != nil {
			t.Error(err)
			return nil
		}
		out = append(out, posting(p.Repository.ID, p.Key, p.SHA))
	}
	slices.Sort(out)
	return out
}

func posting(repository int, key, sha string) string {
	return fmt.Sprint(repository, " ", key, " ", sha)
}

// lost gives what was answered before, is still reached by a ref, and is no longer in the index. No push brings back
// what another took away, so that whatever a ref reaches now it has reached since it was answered.
func (v *victim) lost() []string {
	v.t.Helper()
	has := v.postings()
	count := map[int]int{}
	for _, p := range has {
		var id int
		if _, err := fmt.Sscan(p, &id); err != nil {
			v.t.Fatal(err)
		}
		count[id]++
	}
	for id, n := range v.counts {
		if count[id] != n {
			v.t.Errorf("index told of %d postings in repository %d; %d are there", n, id, count[id])
		}
	}
	clear(v.counts)
	var missing []string
	for p := range v.seen {
		if _, ok := slices.BinarySearch(has, p); !ok {
			missing = append(missing, p)
		}
	}
	if len(missing) > 0 {
		truth := v.truth()
		missing = slices.DeleteFunc(missing, func(p string) bool { _, ok := slices.BinarySearch(truth, p); return !ok })
	}
	clear(v.seen)
	for _, p := range has {
		v.seen[p] = true // it has been answered now
	}
	return missing
}

// truth is what git log says should be in the index, in the form of postings.
func (v *victim) truth() []string {
	v.t.Helper()
	var out []string
	for i, repo := range v.repos {
		for c, err := range reference.Log(v.t.Context(), repo.Path) {
			if err != nil {
				v.t.Fatal(err)
			}
			for _, k := range c.Keys {
				out = append(out, posting(i+1, k, c.SHA))
			}
		}
	}
	slices.Sort(out)
	return out
}

func (v *victim) compareWithGit() {
	v.t.Helper()
	if code, stdout, stderr := run(v.t, append([]string{"index", "--data", v.data}, v.places...)...); code != 0 {
		v.t.Fatalf("index: exit code %d\n%s%s", code, stdout, stderr)
	}
	if code, stdout, stderr := run(v.t, "verify", "--deep", "--data", v.data); code != 0 {
		v.t.Errorf("verify --deep: exit code %d\n%s%s", code, stdout, stderr)
	}
	if d := cmp.Diff(v.truth(), v.postings()); d != "" {
		v.t.Errorf("the index differs from git log (-git +index):\n%s", d)
	}
}
