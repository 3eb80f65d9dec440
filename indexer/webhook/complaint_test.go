package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keytrail/indexer/host"
)

// lines gives the lines of the log that were not asked for before, as their fields.
func (w *world) lines() (all []map[string]any) {
	w.t.Helper()
	for line := range strings.Lines(w.log.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			w.t.Error(err)
		}
		all = append(all, fields)
	}
	w.log.Reset()
	return all
}

// plainly delivers a body to the repositories named one by one.
func (w *world) plainly(body string) error {
	return w.receiver.DeliverBySecret(w.t.Context(), host.Delivery{Header: http.Header{}, Body: []byte(body), Secret: "plain-secret"})
}

func plainWorld(t *testing.T) *world {
	w := newWorld(t, 0, Integration{Hooks: Plain{Secret: known("plain-secret")}, Secret: known("plain-secret")})
	w.register("", "x", "https://git.example.com/plain.git")
	return w
}

func TestAURLThatIsOfNoRepositoryIsCountedAndNamedInAWarningOnceInAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := plainWorld(t)
		for range 10 {
			if err := w.plainly(`{"origin": "https://bot:canary@git.example.com/Other.git?token=canary#canary"}`); err != nil {
				t.Error(err)
			}
		}
		w.expect(time.Second)
		if w.counted("", outcomeUnknown) != 10 || w.counted("", outcomeAccepted) != 0 {
			t.Errorf("%d unknown, %d accepted", w.counted("", outcomeUnknown), w.counted("", outcomeAccepted))
		}
		if strings.Contains(w.log.String(), "canary") {
			t.Errorf("the log holds a secret: %s", &w.log)
		}
		lines := w.lines()
		if len(lines) != 1 || lines[0]["level"] != "warn" || lines[0]["integration"] != "repositories named one by one" ||
			lines[0]["names"] != `"git.example.com/other"` || !strings.Contains(fmt.Sprint(lines[0]["reason"]), "under repositories") {
			t.Errorf("the log tells %v", lines)
		}
		time.Sleep(complainEvery)
		if err := w.plainly(`{"origin": "no URL"}`); err != nil {
			t.Error(err)
		}
		if lines := w.lines(); len(lines) != 1 || lines[0]["names"] != "nothing that is a URL" {
			t.Errorf("a minute later: %v", lines)
		}
	})
}

func TestJSONWithoutAURLIsRefusedLikeWhatIsNoJSONAndABodyThatNamesNothingIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := plainWorld(t)
		for body, holds := range map[string]string{
			`<xml/>`:                               "no JSON",
			`{"canary": "shh", "repository": "x"}`: `the keys "canary", "repository"`,
			`{"origin": ""}`:                       `the keys "origin"`,
			`["shh"]`:                              "JSON without keys",
			`null`:                                 "JSON without keys",
		} {
			before := w.counted("", outcomeMalformed)
			if err := w.plainly(body); !errors.Is(err, ErrBody) || !strings.Contains(err.Error(), `send {"origin": URL of the repository}`) {
				t.Errorf("%s: got %v", body, err)
			}
			lines := w.lines()
			if w.counted("", outcomeMalformed) != before+1 || len(lines) != 1 || lines[0]["holds"] != holds || strings.Contains(fmt.Sprint(lines), "shh") {
				t.Errorf("%s: the log tells %v", body, lines)
			}
			time.Sleep(complainEvery)
		}
		w.expect(time.Second)
		for _, body := range []string{"", " ", "{}"} {
			if err := w.plainly(body); err != nil {
				t.Errorf("%q: %v", body, err)
			}
		}
		if w.expect(0, "5m1s look [1] of 5m1s"); w.counted("", outcomeAccepted) != 3 {
			t.Errorf("%d accepted", w.counted("", outcomeAccepted))
		}
	})
}

func TestJSONWithoutAURLIsAnEventOfTheHostThatHasTheSameSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, Integration{Hooks: Plain{Secret: known(secret)}, Secret: known(secret)})
		d := host.Delivery{Header: http.Header{}, Body: []byte(`{"a": 1}`), Secret: secret}
		if err := w.receiver.DeliverBySecret(t.Context(), d); err != nil {
			t.Errorf("the host is told that its event is wrong: %v", err)
		}
		w.expect(time.Second)
		if lines := w.lines(); len(lines) != 2 || w.counted("acme", outcomeIgnored) != 1 || w.counted("", outcomeMalformed) != 1 {
			t.Errorf("the log tells %v", lines)
		}
	})
}

func TestTheIDOfADeliveryIsLoggedAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		if err := w.receiver.Deliver(t.Context(), "acme", delivery(`{"Kind": "other", "Delivery": "72d3162e \"x\""}`)); err != nil {
			t.Error(err)
		}
		if lines := w.lines(); len(lines) != 1 || lines[0]["delivery"] != `72d3162e "x"` {
			t.Errorf("the log tells %v", lines)
		}
	})
}

func TestAURLThatAnIntegrationOfTheSameSecretHasIsNotComplainedOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, Integration{Hooks: Plain{Secret: known(secret)}, Secret: known(secret)})
		d := host.Delivery{Header: http.Header{}, Body: []byte(`{"origin": "https://git.example.com/acme/r1"}`), Secret: secret}
		if err := w.receiver.DeliverBySecret(t.Context(), d); err != nil {
			t.Error(err)
		}
		w.expect(0, "0s look [1] of 0s")
		if lines := w.lines(); len(lines) > 0 {
			t.Errorf("the log tells %v", lines)
		}
	})
}

func TestAnEventThatNamesNothingAndIsNoneThatIsLookedAtIsVisible(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		for _, body := range []string{`{"membership": {"token": "shh"}}`, `{"membership": 2}`, `{"Kind": "other", "Subjects": [{"ID": "1"}]}`} {
			if err := w.receiver.Deliver(t.Context(), "acme", delivery(body)); err != nil {
				t.Errorf("%s: %v", body, err)
			}
		}
		w.expect(time.Second)
		lines := w.lines()
		if len(lines) != 1 || lines[0]["integration"] != "acme" || lines[0]["holds"] != `the keys "membership"` || w.counted("acme", outcomeIgnored) != 3 {
			t.Errorf("the log tells %v", lines)
		}
	})
}

func TestEachReasonOfARefusalHasItsOwnAllowanceAndEmptyFieldsAreLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		for range 3 {
			for _, header := range []http.Header{{}, {"X-Token": {"wrong"}}, {"X-Token": {secret, secret}}} {
				if err := w.receiver.Deliver(t.Context(), "acme", host.Delivery{Header: header}); !errors.Is(err, ErrRefused) {
					t.Error(err)
				}
			}
		}
		reasons := map[any]bool{}
		for _, line := range w.lines() {
			reasons[line["reason"]] = true
			for field, value := range line {
				if value == "" || value == `""` {
					t.Errorf("%s is empty in %v", field, line)
				}
			}
		}
		if len(reasons) != 3 {
			t.Errorf("the reasons are %v", reasons)
		}
	})
}

func TestAllowancesDoNotGrowWithTheReasonsThatSendersMakeUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c complaints
		told := 0
		for i := range 1000 {
			c.do(fmt.Sprint("reason ", i), func() { told++ })
		}
		if told != maxReasons+1 || len(c.of) != maxReasons {
			t.Errorf("%d complaints, %d allowances", told, len(c.of))
		}
	})
}

func TestOnlyTheFirstOfManyNamesIsShown(t *testing.T) {
	body := `{"` + strings.Repeat("k", 100) + `": 1`
	for i := range 20 {
		body += fmt.Sprintf(`, "a%02d": 1`, i)
	}
	if got := keysIn([]byte(body + "}")); !strings.HasSuffix(got, `"a09", and 11 more`) {
		t.Errorf("got %s", got)
	}
	if got := placesIn(host.Event{Subjects: []host.Subject{{ID: "7"}, {Name: "only a name"}}}); got != `"id 7"` {
		t.Errorf("got %s", got)
	}
}
