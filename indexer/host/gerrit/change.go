package gerrit

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hostapi"
)

// change is what is read of one (ChangeInfo of the API).
type change struct {
	Number  int64     `json:"_number"`
	Project string    `json:"project"`
	Branch  string    `json:"branch"`
	Topic   string    `json:"topic"`
	Subject string    `json:"subject"`
	Status  string    `json:"status"`
	Created timestamp `json:"created"`
	Updated timestamp `json:"updated"`
	Owner   struct {
		Name     string `json:"name"`
		Username string `json:"username"`
	} `json:"owner"`
	Current   string `json:"current_revision"`
	Revisions map[string]struct {
		Commit struct {
			Message string `json:"message"`
		} `json:"commit"`
	} `json:"revisions"`
}

// timestamp is a time as Gerrit writes it: of UTC, to the nanosecond.
type timestamp struct{ time.Time }

func (t *timestamp) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	parsed, err := time.Parse("2006-01-02 15:04:05.999999999", s)
	if err != nil {
		return fmt.Errorf("time of a change: %w", err)
	}
	t.Time = parsed
	return nil
}

func (h *Host) read(c change) host.PullRequest {
	number := strconv.FormatInt(c.Number, 10)
	return host.PullRequest{
		ID: number, Number: c.Number, Title: c.Subject, Description: c.Revisions[c.Current].Commit.Message,
		Source: c.Topic, Target: strings.TrimPrefix(c.Branch, branchPrefix), State: host.StateOf(c.Status, "MERGED", "ABANDONED"),
		Author: cmp.Or(c.Owner.Name, c.Owner.Username), Created: c.Created.Time, Updated: c.Updated.Time,
		WebURL: h.page("c/" + hostapi.Segments(c.Project) + "/+/" + number),
	}
}

// PullRequests reads pages of changes, the last changed first as Gerrit always gives them, until one is older than since.
func (h *Host) PullRequests(ctx context.Context, r host.Repository, since time.Time) ([]host.PullRequest, error) {
	path := "/changes/?q=" + url.QueryEscape("project:"+operand(r.Name)) +
		"&o=CURRENT_REVISION&o=CURRENT_COMMIT&o=DETAILED_ACCOUNTS&n=" + strconv.Itoa(h.pageSize())
	isCut := func(content any) (int, bool) {
		changes, _ := content.([]any)
		if len(changes) == 0 {
			return 0, false
		}
		last, _ := changes[len(changes)-1].(map[string]any)
		return len(changes), host.Object(last).Bool("_more_changes")
	}
	return hostapi.PullRequests(ctx, h.api, path, following(path, isCut), h.read, since)
}

// operand writes a name for a search: as it is, or in quotes if it holds anything that may mean something there.
func operand(name string) string {
	isPlain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-", r)
	}
	if name != "" && name[0] != '-' && strings.IndexFunc(name, func(r rune) bool { return !isPlain(r) }) < 0 {
		return name
	}
	return strconv.Quote(name)
}

// as gives the client for what a caller makes: with their token, or as the integration when they gave none. Gerrit wants a user name too:
// a token is "name:password"; without a name it is a password of the integration's own user.
func (h *Host) as(c host.Caller) *hostapi.Client {
	username, password, ok := strings.Cut(c.Token, ":")
	if !ok {
		username, password = h.config.Username, c.Token
	}
	return h.api.For(c, func(host.Secret) hostapi.Authorize { return hostapi.Basic(username, hostapi.Constant(password)) })
}

// CreateBranch makes a branch at the tip of another.
func (h *Host) CreateBranch(ctx context.Context, r host.Repository, b host.NewBranch, c host.Caller) (host.Branch, error) {
	made, err := hostapi.Ask[map[string]any](ctx, h.as(c), hostapi.Request{
		Method: http.MethodPut,
		Ref:    hostapi.Path("/projects/%s/branches/%s", r.Name, b.Name),
		Body:   map[string]string{"revision": branchPrefix + b.Base},
	})
	if err != nil {
		return host.Branch{}, err
	}
	branch := host.Object(made)
	return hostapi.ToldBranch(host.Branch{Name: b.Name, OID: branch.String("revision"), WebURL: h.browser(branch.List("web_links"))})
}
