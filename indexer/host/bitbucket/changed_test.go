package bitbucket

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"path"
	"slices"
	"strconv"
	"testing"
	"time"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hosttest"
)

// server is a Bitbucket with the pull requests of one repository, in either order that its documentation may mean.
type server struct {
	pulls           map[int64]pullRequest
	isByUpdate      bool
	clock           int64
	next            int64
	requests, pages int
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests++
	if base := path.Base(r.URL.Path); base != "pull-requests" {
		id, _ := strconv.ParseInt(base, 10, 64)
		p, ok := s.pulls[id]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
		}
		json.NewEncoder(w).Encode(p)
		return
	}
	s.pages++
	var all []pullRequest
	for _, p := range s.pulls {
		if state := r.URL.Query().Get("state"); state == "ALL" || state == p.State {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b pullRequest) int {
		if s.isByUpdate {
			return cmp.Compare(b.Updated, a.Updated)
		}
		return cmp.Compare(b.ID, a.ID)
	})
	start, _ := strconv.Atoi(r.URL.Query().Get("start"))
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	end := min(start+limit, len(all))
	json.NewEncoder(w).Encode(map[string]any{"values": all[start:end], "isLastPage": end == len(all), "nextPageStart": end})
}

// change makes, closes, opens again, edits or deletes a pull request.
func (s *server) change(random *rand.Rand) {
	s.clock += 1000
	ids := slices.Sorted(maps.Keys(s.pulls))
	if len(ids) == 0 || random.IntN(4) == 0 {
		s.next++
		s.pulls[s.next] = pullRequest{ID: s.next, State: isOpen, Created: s.clock, Updated: s.clock}
		return
	}
	p := s.pulls[ids[random.IntN(len(ids))]]
	p.Updated = s.clock
	switch {
	case p.State == isOpen && random.IntN(3) == 0:
		p.Title += "!"
	case p.State == isOpen:
		p.State = []string{"MERGED", "DECLINED"}[random.IntN(2)]
	case p.State == "DECLINED":
		p.State = isOpen
	default:
		return // what is merged stays so
	}
	s.pulls[p.ID] = p
}

func TestWhatChangedIsFoundInEitherOrderOfTheHostAndAlsoWhenAnAnswerIsLost(t *testing.T) {
	for _, isByUpdate := range []bool{false, true} {
		for seed := range uint64(10) {
			t.Run(fmt.Sprintf("by update %v, seed %d", isByUpdate, seed), func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 5))
				s := &server{pulls: map[int64]pullRequest{}, isByUpdate: isByUpdate}
				h := asking(t, host.Config{Token: hosttest.Secret("s"), Limits: host.Limits{Rate: 10_000, PageSize: 4}}, s.ServeHTTP).(host.PullRequests)
				index, since := map[int64]host.PullRequest{}, time.Time{}
				for range 25 {
					for range random.IntN(12) {
						s.change(random)
					}
					told, err := h.PullRequests(t.Context(), listed()[0], since)
					if err != nil {
						t.Fatal(err)
					}
					if random.IntN(4) == 0 {
						continue // it is not kept, and the next question is the same
					}
					for _, p := range told {
						index[p.Number] = p
						if p.Updated.After(since) {
							since = p.Updated
						}
					}
					for id, p := range s.pulls {
						if got := index[id]; got.State != p.read().State || got.Title != p.Title {
							t.Fatalf("%d is %s %q, and known as %s %q", id, p.State, p.Title, got.State, got.Title)
						}
					}
				}
			})
		}
	}
}

func TestManyOldPullRequestsAreReadOnce(t *testing.T) {
	s := &server{pulls: map[int64]pullRequest{}, clock: 1000, next: 5000}
	for id := int64(1); id <= s.next; id++ {
		s.pulls[id] = pullRequest{ID: id, State: "MERGED", Created: s.clock, Updated: s.clock}
	}
	for id := int64(10); id <= 12; id++ {
		s.pulls[id] = pullRequest{ID: id, State: isOpen, Created: s.clock, Updated: s.clock}
	}
	h := asking(t, host.Config{Token: hosttest.Secret("s")}, s.ServeHTTP).(host.PullRequests)
	// read gives what changed since a time, the latest first.
	read := func(since time.Time) (numbers []int64) {
		t.Helper()
		s.pages, s.requests = 0, 0
		told, err := h.PullRequests(t.Context(), listed()[0], since)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range told {
			numbers = append(numbers, p.Number)
		}
		return numbers
	}
	if got := read(time.Time{}); len(got) != 5000 || s.requests != 5 {
		t.Errorf("%d are read at first, with %d requests", len(got), s.requests)
	}
	since := time.UnixMilli(2000)
	if got := read(since); len(got) != 0 || s.pages != 2 || s.requests != 2 {
		t.Errorf("nothing changed: got %v with %d pages and %d requests, want the newest and the open ones asked for", got, s.pages, s.requests)
	}
	p := s.pulls[11]
	p.State, p.Updated = "MERGED", 3000
	s.pulls[11] = p
	delete(s.pulls, 12)
	if got := read(since); !slices.Equal(got, []int64{11}) || s.pages != 2 || s.requests != 4 {
		t.Errorf("one was merged and one deleted: got %v with %d pages and %d requests, want one request more for each", got, s.pages, s.requests)
	}
}
