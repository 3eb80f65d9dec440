package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"keytrail/storage"
)

func TestABadRequestIsToldWhatIsWrongAndTheWayOut(t *testing.T) {
	f := newFixture(t)
	var page Commits
	f.get("/api/v1/issues/KAFKA-7/commits?limit=1").json(&page)
	var repositories struct{ Next string }
	f.get("/api/v1/repositories?limit=1").json(&repositories)

	const commits, sha = "/api/v1/issues/KAFKA-7/commits", "/api/v1/repositories/1/commits/"
	tests := []struct {
		target string
		kind   kind
		part   string
	}{
		{"/api/v1/issues/nonsense", badKey, `"nonsense" is no issue key`},
		{"/api/v1/issues/nonsense/commits", badKey, "want a project, a hyphen and a number"},
		{"/api/v1/issues/%00%0a/tags", badKey, `"\x00\n" is no issue key`},
		{commits + "?limit=0", badParameter, `limit "0": want a number from 1 to 1000`},
		{commits + "?limit=1001", badParameter, "from 1 to 1000"},
		{commits + "?limit=ten", badParameter, `limit "ten"`},
		{commits + "?limit=99999999999999999999", badParameter, "from 1 to 1000"},
		{commits + "?limit=", badParameter, `"limit" is empty`},
		{commits + "?limit=1&limit=2", badParameter, `"limit" is given 2 times`},
		{commits + "?limt=1", unknownParameter, `"limt": this route knows limit, cursor, repository, ref, since, until`},
		{commits + "?file=true", unknownParameter, `"file": this route knows limit`},
		{commits + "?a=%zz", badParameter, "malformed"},
		{"/api/v1/issues/KAFKA-7?limit=1", unknownParameter, "this route knows compare"},
		{commits + "?since=yesterday", badParameter, `since "yesterday": want a time`},
		{commits + "?since=2024-10-21T10:00:00+05:00", badParameter, "%2B"},
		{commits + "?until=2024-13-01", badParameter, `until "2024-13-01"`},
		{commits + "?since=2024-10-22&until=2024-10-22", badParameter, "since is not before until"},
		{commits + "?repository=nowhere", repositoryNotFound, `no repository "nowhere"`},
		{commits + "?repository=77", repositoryNotFound, "no repository 77"},
		{commits + "?repository=tools", badParameter, "as 2 or 3"},
		{commits + "?cursor=nonsense", badCursor, "malformed"},
		{commits + "?cursor=%20", badCursor, "malformed"},
		{commits + "?cursor=" + page.Next[:len(page.Next)-2], badCursor, "malformed"},
		{commits + "?repository=1&cursor=" + page.Next, badCursor, "belongs to another question"},
		{"/api/v1/issues/ZK-1/commits?cursor=" + page.Next, badCursor, "belongs to another question"},
		{commits + "?cursor=" + repositories.Next, badCursor, "belongs to another question"},
		{"/api/v1/repositories?cursor=" + page.Next, badCursor, "belongs to another question"},
		{"/api/v1/repositories?sort=name&cursor=" + repositories.Next, badCursor, "belongs to another question"},
		{"/api/v1/repositories?sort=size", badParameter, "one of id, name, staleness"},
		{"/api/v1/repositories?state=bad", badParameter, "one of new, indexed, failing, retired"},
		{"/api/v1/repositories/kafka", badParameter, `repository "kafka": want its number`},
		{"/api/v1/repositories/4294967296", badParameter, "want its number"},
		{"/api/v1/repositories/0", repositoryNotFound, "no repository 0"},
		{sha + "0200000", badSHA, `"0200000": give all 40`},
		{sha + strings.Repeat("x", 40), badSHA, "hexadecimal"},
		{sha + oid(9).String(), commitNotFound, oid(9).String()},
		{sha + oid(9).String() + "/issues", commitNotFound, "explain"},
		{"/api/v1/repositories/2/commits/" + oid(4).String(), commitNotFound, "no ref of repository 2"},
		{"/api/v1/repositories/9/commits/" + oid(4).String(), repositoryNotFound, "no repository 9"},
		{"/api/v1/explain", badParameter, "either text or sha"},
		{"/api/v1/explain?text=x&sha=" + oid(1).String(), badParameter, "either text or sha"},
		{"/api/v1/explain?sha=abc", badSHA, `"abc"`},
		{"/api/v1/export?project=ka%20fka", badParameter, `"ka fka" is no project key`},
		{"/api/v2/issues", routeNotFound, "/openapi.yaml"},
		{"/", routeNotFound, "no route"},
	}
	for _, test := range tests {
		t.Run(test.target, func(t *testing.T) {
			f.t = t
			f.get(test.target).problem(test.kind, test.part)
		})
	}
}

func TestABadBodyIsToldWhatIsWrongAndTheWayOut(t *testing.T) {
	f := newFixture(t)
	many := `{"keys":["KAFKA-7"` + strings.Repeat(`,"KAFKA-7"`, maxBatchKeys) + `]}`
	tests := []struct {
		name, body string
		kind       kind
		part       string
	}{
		{"empty", "", badBody, "ends too early"},
		{"cut", `{"keys":["KAF`, badBody, "ends too early"},
		{"not JSON", `{keys:[]}`, badBody, "no JSON"},
		{"not an object", `["KAFKA-7"]`, badBody, "JSON array: send an object"},
		{"two objects", `{"keys":["KAFKA-7"]}{}`, badBody, "something follows"},
		{"unknown field", `{"keys":["KAFKA-7"],"limt":3}`, badBody, `unknown field "limt"`},
		{"wrong type", `{"keys":"KAFKA-7"}`, badBody, `field "keys" cannot hold this JSON string`},
		{"no keys", `{"keys":[]}`, badBody, `"keys" is missing or empty`},
		{"missing keys", `{}`, badBody, `"keys" is missing or empty`},
		{"too many keys", many, badBody, "501 keys are too many: ask for at most 500"},
		{"bad limit", `{"keys":["KAFKA-7"],"limit":0}`, badBody, "limit 0"},
		{"limit too large", `{"keys":["KAFKA-7"],"limit":1001}`, badBody, "from 1 to 1000"},
		{"too many commits", strings.Replace(many, `,"KAFKA-7"]}`, `],"limit":51}`, 1), badBody, "500 keys of 51 commits each"},
		{"bad key", `{"keys":["KAFKA-7","nonsense"]}`, badKey, `"nonsense"`},
		{"too large", `{"keys":["` + strings.Repeat("x", maxBodyBytes) + `"]}`, bodyTooLarge, "larger than 1048576 bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f.t = t
			f.post("/api/v1/issues/commits", test.body).problem(test.kind, test.part)
		})
	}
	f.t = t
	for _, media := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/json, text/plain"} {
		f.post("/api/v1/issues/commits", `{"keys":["KAFKA-7"]}`, "Content-Type", media).problem(unsupportedMediaType, "Content-Type: application/json")
	}
	f.post("/api/v1/issues/commits?x=1", `{"keys":["KAFKA-7"]}`).problem(unknownParameter, `"x"`)
	f.post("/api/v1/repositories/1/reindex", `{"ful":true}`).problem(badBody, `"ful"`)
	f.post("/api/v1/repositories/1/reindex", `{"full":true}`, "Content-Type", "").problem(unsupportedMediaType, "application/json")
}

func TestAFailureOfTheStoreIsLoggedAndNotShown(t *testing.T) {
	f := newFixture(t)
	tests := []struct {
		err    error
		kind   kind
		part   string
		logged bool
	}{
		{errors.New("open /secret/place: permission denied"), internal, "the log of the daemon says why", true},
		{fmt.Errorf("/secret/place: %w", storage.ErrCorrupt), indexCorrupt, "keytrail verify", true},
		{fmt.Errorf("/secret/place: %w", storage.ErrNotFound), repositoryNotFound, "not in the index any more", false},
		{fmt.Errorf("/secret/place: %w", context.Canceled), interrupted, "ask again", false},
	}
	for _, test := range tests {
		f.store.err = test.err
		for _, target := range []string{"/api/v1/issues/KAFKA-7", "/api/v1/issues/KAFKA-7/tags", "/api/v1/export", "/api/v1/explain?sha=" + oid(1).String()} {
			f.log.Reset()
			answer := f.get(target)
			answer.problem(test.kind, test.part)
			if strings.Contains(string(answer.body), "secret") {
				t.Errorf("%s shows %s", target, answer.body)
			}
			if strings.Contains(f.log.String(), "/secret/place") != test.logged {
				t.Errorf("%v of %s in the log: %s", test.err, target, f.log)
			}
		}
	}
}

func TestAQuotedTextIsShortAndPrintable(t *testing.T) {
	answer := newFixture(t).get("/api/v1/issues/KAFKA-7/commits?repository=" + url.QueryEscape(strings.Repeat("\x1b[1m", 1000)))
	answer.problem(repositoryNotFound, "")
	if len(answer.body) > 1000 || strings.Contains(string(answer.body), "\x1b") {
		t.Errorf("%d bytes: %q", len(answer.body), answer.body)
	}
}

func TestReadinessTellsItsReason(t *testing.T) {
	f := newFixture(t)
	if got := f.get("/readyz"); got.status != http.StatusOK {
		t.Errorf("status %d", got.status)
	}
	f.ready = errors.New("no space left for the index")
	f.get("/readyz").problem(notReady, "no space left for the index")
	if got := f.get("/healthz"); got.status != http.StatusOK || string(got.body) != `{"status":"ok","version":"1.2.3"}`+"\n" {
		t.Errorf("%d %s", got.status, got.body)
	}
}
