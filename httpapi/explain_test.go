package httpapi

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keytrail/storage"
)

func TestACommitIsExplainedInEachRepositoryThatHasIt(t *testing.T) {
	f := newFixture(t)
	advance(t, f.store, storage.Advance{
		Repository: kafka, DefaultBranch: "refs/heads/trunk", SeenAt: now, Tips: []storage.TipChange{tip("refs/pull/1/head", 2)},
	})
	f.post("/api/v1/repositories/1/commits/"+oid(2).String()+"/issues", `{"add":["KAFKA-9"],"by":"ada"}`)
	var e CommitExplanation
	f.get("/api/v1/explain?sha=" + oid(2).String()).json(&e)
	if !e.Indexed || len(e.Repositories) != 2 || !strings.Contains(e.Reason, "linked to the keys") || len(e.Suspects)+len(e.Unreached) != 0 {
		t.Fatalf("%+v", e)
	}
	h := e.Repositories[0]
	if h.Repository.Name != "kafka" || h.State != storage.StateIndexed || h.LastSuccess == nil || h.IndexedAt == nil || h.Fetched == nil || !*h.Fetched || len(h.Refspecs) != 2 {
		t.Errorf("%+v", h)
	}
	if len(h.Findings) != 1 || h.Findings[0].Found || len(h.Notes) != 1 || h.Notes[0].Ref != "refs/notes/commits" || len(h.Notes[0].Findings) != 1 {
		t.Errorf("findings %+v, in notes %+v", h.Findings, h.Notes)
	}
	if len(h.Decided) != 1 || h.Decided[0].By != "ada" || h.Decided[0].At.IsZero() || fmt.Sprint(h.Keys) != "[KAFKA-7 KAFKA-9 ZK-1 ZK-2]" {
		t.Errorf("keys %v, decided %+v", h.Keys, h.Decided)
	}
	heads := "+refs/heads/*:refs/heads/*"
	want := []ReachingRef{{"refs/heads/kafka-7-side", heads}, {"refs/heads/trunk", heads}, {"refs/pull/1/head", heads}, {"refs/tags/1.0", ""}}
	if diff := cmp.Diff(want, h.Refs); diff != "" || h.RefsTruncated {
		t.Error(diff)
	}
	f.get("/api/v1/explain?sha=" + oid(3).String()).json(&e)
	if len(e.Repositories) != 1 || !strings.Contains(e.Reason, "neither its message nor a note") {
		t.Errorf("a commit without keys: %+v", e)
	}
}

func TestAnExplanationTellsThatAllKeysWereDroppedByHand(t *testing.T) {
	f := newFixture(t, func(o *Options) {
		o.ExplainText = func(string) []Finding { return []Finding{{Text: "KAFKA-7", End: 7, Key: "KAFKA-7", Found: true}} }
	})
	f.post("/api/v1/repositories/1/commits/"+oid(3).String()+"/issues", `{"drop":["KAFKA-9"]}`)
	var e CommitExplanation
	f.get("/api/v1/explain?sha=" + oid(3).String()).json(&e)
	if strings.Contains(e.Reason, "dropped by hand") {
		t.Errorf("of a key that it does not hold: %s", e.Reason)
	}
	f.post("/api/v1/repositories/1/commits/"+oid(1).String()+"/issues", `{"drop":["KAFKA-7"]}`)
	f.get("/api/v1/explain?sha=" + oid(1).String()).json(&e)
	if len(e.Repositories) == 0 || len(e.Repositories[0].Keys) != 0 || !strings.Contains(e.Reason, "dropped by hand") {
		t.Errorf("%+v", e)
	}
}

func TestACommitThatNoRepositoryHasIsExplainedByWhatCouldHideIt(t *testing.T) {
	f := newFixture(t)
	var e CommitExplanation
	f.get("/api/v1/explain?sha=" + oid(9).String()).json(&e)
	var suspects []string
	for _, s := range e.Suspects {
		line := fmt.Sprint(s.Repository.Name, " ", s.State)
		if s.Error != nil {
			line += " " + string(s.Error.Class)
		}
		suspects = append(suspects, line)
	}
	if want := []string{"tools new", "broken failing auth"}; !slices.Equal(suspects, want) || e.SuspectsTotal != 2 || e.Searched != 3 {
		t.Errorf("%+v, want suspects %q", e, want)
	}
	if e.Indexed || !strings.Contains(e.Reason, "of 2, the suspects") || len(e.Repositories) != 0 {
		t.Errorf("%+v", e)
	}
	f.get("/api/v1/explain?sha=" + oid(0xcc).String()).json(&e)
	if len(e.Unreached) != 1 || e.Unreached[0].Repository.ID != kafka || !strings.Contains(e.Reason, "it was fetched") {
		t.Errorf("a commit that no ref reaches any more: %+v", e)
	}
	blind := newFixture(t, func(o *Options) { o.Fetched = nil })
	var seen CommitExplanation
	blind.get("/api/v1/explain?sha=" + oid(1).String()).json(&seen)
	if len(seen.Repositories) != 2 || seen.Repositories[0].Fetched != nil || seen.Repositories[0].Refspecs != nil {
		t.Errorf("by the index alone: %+v", seen)
	}
}

func TestRefsThatReachACommitAreBounded(t *testing.T) {
	f := newFixture(t)
	a := storage.Advance{Repository: kafka, DefaultBranch: "refs/heads/trunk", SeenAt: now}
	for i := range maxExplainedRefs {
		a.Tips = append(a.Tips, tip(fmt.Sprintf("refs/heads/more-%03d", i), 1))
	}
	advance(t, f.store, a)
	var e CommitExplanation
	f.get("/api/v1/explain?sha=" + oid(1).String()).json(&e)
	if h := e.Repositories[0]; len(h.Refs) != maxExplainedRefs || !h.RefsTruncated {
		t.Errorf("%d refs, truncated %t", len(h.Refs), h.RefsTruncated)
	}
}

func TestTheFirstSevenDigitsOfACommitAreEnoughWhenTheyNameOne(t *testing.T) {
	f := newFixture(t, withScopes)
	twins := []storage.OID{{0: 7, 19: 1}, {0: 7, 19: 2}, {0: 7, 3: 0x10, 19: 3}}
	advance(t, f.store, storage.Advance{
		Repository: twin, SeenAt: now, Tips: []storage.TipChange{{Tip: storage.Tip{Ref: "refs/heads/main", OID: twins[2], Commit: twins[2]}}},
		Commits: commits(
			storage.Commit{OID: twins[0], Keys: []storage.IssueKey{"ZK-1"}}, storage.Commit{OID: twins[1], Parents: twins[:1]},
			storage.Commit{OID: twins[2], Parents: twins[1:2]},
		),
	})
	var e CommitExplanation
	for sha, want := range map[string]storage.OID{"0200000": oid(2), oid(4).String()[:39]: oid(4), "0700001": twins[2]} {
		if f.as("all", http.MethodGet, "/api/v1/explain?sha="+sha, "").json(&e); e.SHA != want {
			t.Errorf("%s: %s, want %s", sha, e.SHA, want)
		}
	}
	f.as("all", http.MethodGet, "/api/v1/explain?sha=0700000", "").problem(badSHA, "2 or more commits begin with \"0700000\": give more digits of the one you mean, as of "+
		twins[0].String()+", "+twins[1].String())
	if f.as("zk", http.MethodGet, "/api/v1/explain?sha=0700000", "").json(&e); e.SHA != twins[0] {
		t.Errorf("the only one that the token opens: %+v", e)
	}
	f.as("acme", http.MethodGet, "/api/v1/explain?sha=0700000", "").problem(commitNotFound, "no commit in the index begins")
	f.as("all", http.MethodGet, "/api/v1/explain?sha=07000", "").problem(badSHA, "at least the first 7")
	f.as("all", http.MethodGet, "/api/v1/explain?sha=070000g", "").problem(badSHA, "at least the first 7")
}

func TestATokenLearnsNothingOfCommitsBeyondItsBounds(t *testing.T) {
	f := newFixture(t, withScopes)
	for token, shas := range map[string][]storage.OID{
		"zk":            {oid(1), oid(3), oid(0xcc), oid(9)},
		"other-project": {oid(1), oid(2), oid(0xcc), oid(9)},
		"plain":         {oid(1), oid(2), oid(0xcc), oid(9)},
	} {
		var reason string
		for _, sha := range shas {
			var e CommitExplanation
			f.as(token, http.MethodGet, "/api/v1/explain?sha="+sha.String(), "").json(&e)
			if e.Indexed || len(e.Repositories)+len(e.Unreached) != 0 || reason != "" && e.Reason != reason || !strings.Contains(e.Reason, "that the token opens") {
				t.Errorf("token %s, %s: %+v", token, sha, e)
			}
			reason = e.Reason
		}
	}
	var e CommitExplanation
	f.as("zk", http.MethodGet, "/api/v1/explain?sha="+oid(2).String(), "").json(&e)
	if len(e.Repositories) != 2 || fmt.Sprint(e.Repositories[0].Keys) != "[ZK-1 ZK-2]" {
		t.Errorf("%+v", e)
	}
}
