package hostapi

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keytrail/indexer/host"
)

func TestAHostsOwnWordsAreFoundInEachForm(t *testing.T) {
	for _, c := range []struct{ contentType, body, want string }{
		{"application/json", `{"message": "Validation Failed", "errors": [{"code": "custom", "message": "It exists."}]}`, "Validation Failed; It exists."},
		{"application/json", `{"errors": [{"context": null, "message": "No such branch.", "exceptionName": "x"}]}`, "No such branch."},
		{"application/json", `{"message": {"base": ["one", "two"]}}`, "one; two"},
		{"application/json", `{"message": ["one"]}`, "one"},
		{"application/json", `{"error": "insufficient_scope", "error_description": "Needs api."}`, "insufficient_scope; Needs api."},
		{"application/json", `{"__type": "BranchNameExistsException", "Message": "Branch exists"}`, "Branch exists"},
		{"text/plain; charset=UTF-8", "Not found:\n\tnope\x00", "Not found: nope"},
		{"text/html", "<html>no</html>", ""},
		{"application/json", strings.Repeat("[", 100) + strings.Repeat("]", 100), ""},
		{"application/json", "nope", ""},
	} {
		a := Answer{Header: http.Header{"Content-Type": {c.contentType}}, Body: []byte(c.body)}
		if got := printable(a.said()); got != c.want {
			t.Errorf("%s: got %q, want %q", c.body, got, c.want)
		}
	}
}

func TestTheSizeOfJSONIsMeasuredOutsideOfTexts(t *testing.T) {
	for text, want := range map[string][2]int{
		``: {0, 0}, `1`: {0, 0}, `[]`: {1, 1}, `{"a": [[]], "b": []}`: {3, 5}, `["[[[,", "\"[[,", "\\"]`: {1, 3}, `[[`: {2, 2},
	} {
		if depth, values := measure([]byte(text)); depth != want[0] || values != want[1] {
			t.Errorf("%s: got %d deep with %d values, want %v", text, depth, values, want)
		}
	}
}

func TestAnAnswerOfCountlessSmallValuesIsRefused(t *testing.T) {
	for name, value := range map[string]string{"numbers": "0,", "objects": "{},", "arrays": "[],"} {
		a := Answer{Body: []byte("[" + strings.Repeat(value, maxValues+1) + "0]")}
		if document, err := a.Document(); !errors.Is(err, host.ErrTooLarge) || document != nil {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestNoFormOfACredentialIsShown(t *testing.T) {
	const token = `canary+tok/en "1"`
	for name, authorize := range map[string]Authorize{
		"bearer": Bearer(Constant(token)),
		"header": Header("Private-Token", "", Constant(token)),
		"basic":  Basic("bot", Constant(token)),
	} {
		t.Run(name, func(t *testing.T) {
			said := strings.Join([]string{
				token, base64.StdEncoding.EncodeToString([]byte("bot:" + token)), `canary+tok/en \"1\"`, "canary%2Btok%2Fen+%221%22", "canary+tok/en &#34;1&#34;",
			}, " ")
			s := &script{replies: []reply{{status: 403, header: http.Header{"Content-Type": {"text/plain"}}, body: said}}}
			_, err := over(t, s, func(o *Options) { o.Authorize = authorize }).Get(t.Context(), "/repos")
			if err == nil || strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "Y2FuYXJ5") || !strings.Contains(err.Error(), redacted) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestNoPartOfACredentialIsLeftWhereATextIsShortened(t *testing.T) {
	const token = "canary-token-of-an-integration"
	for before := 270; before < 300; before++ {
		s := &script{replies: []reply{{status: 403, header: http.Header{"Content-Type": {"text/plain"}}, body: strings.Repeat("x", before) + token}}}
		_, err := over(t, s, func(o *Options) { o.Authorize = Bearer(Constant(token)) }).Get(t.Context(), "/repos")
		if err == nil || strings.Contains(err.Error(), "can") {
			t.Errorf("after %d bytes: got %v", before, err)
		}
	}
}

func TestACredentialIsNotShownByTheErrorOfAConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("dial through bot:canary-token failed")
		s := &script{replies: []reply{{err: cause}}}
		_, err := over(t, s, func(o *Options) { o.Authorize = Bearer(Constant("canary-token")) }).Get(t.Context(), "/repos?private=canary-query")
		if !errors.Is(err, host.ErrUnreachable) || !errors.Is(err, cause) || strings.Contains(err.Error(), "canary") {
			t.Errorf("got %v", err)
		}
	})
}

func TestAHeaderThatCannotBeSentIsNamedWithoutItsText(t *testing.T) {
	s := &script{replies: []reply{{status: 200}}}
	for name, headers := range map[string]func(context.Context) (http.Header, error){
		"a line break": func(context.Context) (http.Header, error) { return http.Header{"X-Tenant": {"canary\n"}}, nil },
		"unreadable": func(context.Context) (http.Header, error) {
			return nil, errors.New("header X-Tenant: TENANT is not set")
		},
	} {
		_, err := over(t, s, func(o *Options) { o.Headers = headers }).Get(t.Context(), "/repos")
		if !errors.Is(err, host.ErrAuth) || !strings.Contains(err.Error(), "X-Tenant") || strings.Contains(err.Error(), "canary") || len(s.came) != 0 {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestATokenThatCannotStandInAHeaderIsNamedWithoutItsText(t *testing.T) {
	s := &script{replies: []reply{{status: 200}}}
	for name, secret := range map[string]host.Secret{
		"a line break": Constant("canary\n"),
		"unreadable":   func(context.Context) (string, error) { return "", errors.New("TOKEN is not set") },
	} {
		_, err := over(t, s, func(o *Options) { o.Authorize = Bearer(secret) }).Get(t.Context(), "/repos")
		if !errors.Is(err, host.ErrAuth) || strings.Contains(err.Error(), "canary") || len(s.came) != 0 {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestPagesEnd(t *testing.T) {
	link := func(to string) http.Header {
		return http.Header{"Link": {`<https://api.example.com/v1/first>; rel="first", <` + to + `>; rel="next"`}, "Content-Type": {"application/json"}}
	}
	for _, c := range []struct {
		name    string
		replies []reply
		count   int
		kind    error
	}{
		{"after the last", []reply{{status: 200, header: link("https://api.example.com/v1/repos?ids=1,2"), body: "[1, 2]"}, {status: 200, body: "[3]"}}, 3, nil},
		{"in a circle", []reply{{status: 200, header: link("https://api.example.com/v1/circle"), body: "[1]"}}, 0, host.ErrAnswer},
		{"at an object", []reply{{status: 200, body: `{"message": "no"}`}}, 0, host.ErrAnswer},
		{"at another origin", []reply{{status: 200, header: link("https://example.net/"), body: "[1]"}}, 0, host.ErrOrigin},
	} {
		t.Run(c.name, func(t *testing.T) {
			all, err := over(t, &script{replies: c.replies}).Collect(t.Context(), "/repos", "", LinkNext)
			if len(all) != c.count || !errors.Is(err, c.kind) {
				t.Errorf("got %v, %v", all, err)
			}
		})
	}
	t.Run("when there are too many", func(t *testing.T) {
		s := &script{replies: []reply{{status: 200, body: "[1]"}}}
		n := 0
		endless := func(Page) (string, error) { n++; return "/repos?page=" + strings.Repeat("1", n), nil }
		c := over(t, s, func(o *Options) { o.Limits = host.Limits{Pages: 5, Rate: 1000} })
		if all, err := c.Collect(t.Context(), "/repos", "", endless); all != nil || !errors.Is(err, host.ErrTooLarge) || len(s.came) != 5 {
			t.Errorf("got %v, %v after %d pages", all, err, len(s.came))
		}
	})
}

func TestARelationIsFoundAmongTheParametersOfALink(t *testing.T) {
	for field, want := range map[string]string{
		`<https://a/?page=2>; rel="next"`:                            "https://a/?page=2",
		`<https://a/1>; rel=prev,<https://a/3,4>;title="x";rel=next`: "https://a/3,4",
		`<https://a/1>; rel="last"`:                                  "",
		`nonsense; rel="next"`:                                       "",
		`<`:                                                          "",
		``:                                                           "",
	} {
		got, err := LinkNext(Page{Answer: Answer{Header: http.Header{"Link": {field}}}})
		if got != want || err != nil {
			t.Errorf("%s: got %q, %v; want %q", field, got, err, want)
		}
	}
}

func TestThePrefixOfEveryAnswerIsTakenOff(t *testing.T) {
	s := &script{replies: []reply{{status: 200, body: ")]}'\n[1]"}}}
	answer, err := over(t, s, func(o *Options) { o.Prefix = ")]}'\n" }).Get(t.Context(), "/projects")
	if document, decodeErr := answer.Document(); err != nil || decodeErr != nil || len(document.([]any)) != 1 {
		t.Errorf("got %s, %v, %v", answer.Body, err, decodeErr)
	}
}

func TestAClockThatIsWrongDoesNotShortenAWait(t *testing.T) {
	now := time.Now()
	past := http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {"1"}}
	if until := pause(past, now); until.After(now) {
		t.Errorf("an end in the past asks to wait until %v", until)
	}
	c := over(t, &script{})
	if until, is := c.throttled(Answer{Status: 429, Header: past}, now); !is || until != now.Add(unknownWait) {
		t.Errorf("a limit that has ended: %v, %v", until, is)
	}
}
