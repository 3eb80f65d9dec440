package webhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/time/rate"

	"keytrail/indexer/host"
)

const (
	// complainEvery is how often a delivery that is of no use is logged at a level that is noticed, of each reason.
	complainEvery = time.Minute
	// maxReasons is how many reasons have an allowance of their own: a sender must not make new ones for ever.
	maxReasons = 16
	// maxShown is how many names of a delivery a line of the log holds.
	maxShown = 10
)

// complaints limit log lines that others can cause: one of each reason in a while, so that many of one kind do not hide another.
// The zero value is ready. Its methods are safe for concurrent use.
type complaints struct {
	mu     sync.Mutex
	of     map[string]*rate.Sometimes // by reason
	others rate.Sometimes             // beyond maxReasons
}

// do calls f unless the reason has been complained of lately.
func (c *complaints) do(reason string, f func()) { c.allowance(reason).Do(f) }

func (c *complaints) allowance(reason string) *rate.Sometimes {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[string]*rate.Sometimes{}
		c.others.Interval = complainEvery
	}
	a := c.of[reason]
	switch {
	case a != nil:
	case len(c.of) >= maxReasons:
		a = &c.others
	default:
		a = &rate.Sometimes{Interval: complainEvery}
		c.of[reason] = a
	}
	return a
}

// complain logs what is wrong with a delivery to an account, at a level that is noticed once in a while for each reason.
func (r *Receiver) complain(a *account, log zerolog.Logger, reason, text string) {
	log.Debug().Str("reason", reason).Msg(text)
	a.complaints.do(reason, func() {
		log.Warn().Str("reason", reason).Msg(text + "; others like this are not logged for a while")
	})
}

// complainOfStrangers logs that a delivery to some accounts names repositories that none of them has. Those named one by one are the
// only ones that no discovery can bring, so that somebody has to act.
func (r *Receiver) complainOfStrangers(of []*account, e host.Event) {
	for _, a := range of {
		if a.Name == "" {
			r.complain(a, r.logOf(a, e).With().Str("names", placesIn(e)).Logger(), "it names no repository of the configuration: compare it "+
				"with the urls under repositories", "webhook has no repository looked at")
		}
	}
}

// logOf gives a log whose lines have the name of the account and what is known of a delivery to it.
func (r *Receiver) logOf(a *account, e host.Event) zerolog.Logger {
	name := a.Name
	if name == "" {
		name = "repositories named one by one"
	}
	with := r.log.With().Str("integration", name)
	if e.Kind != "" {
		with = with.Str("kind", string(e.Kind))
	}
	if e.Delivery != "" {
		with = with.Str("delivery", fmt.Sprintf("%.60s", e.Delivery))
	}
	return with.Logger()
}

// placesIn gives what a delivery calls its repositories: host and path of their URLs, which hold no user name, query or fragment,
// or the host's id.
func placesIn(e host.Event) string {
	var all []string
	for _, s := range e.Subjects {
		switch named := subjectOf(s); {
		case len(named.places) > 0:
			all = append(all, named.places...)
		case named.id != "":
			all = append(all, "id "+named.id)
		}
	}
	if len(all) == 0 {
		return "nothing that is a URL"
	}
	return listed(all)
}

// keysIn gives the names that a body has at its top, for somebody to see what was sent. Its values may be secrets.
func keysIn(body []byte) string {
	var object map[string]json.RawMessage
	switch body = bytes.TrimSpace(body); {
	case len(body) == 0:
		return "nothing"
	case json.Unmarshal(body, &object) == nil && len(object) > 0:
		return "the keys " + listed(slices.Sorted(maps.Keys(object)))
	case json.Valid(body):
		return "JSON without keys"
	}
	return "no JSON"
}

// listed joins the first of some texts of a sender.
func listed(texts []string) string {
	var shown []string
	for _, t := range texts[:min(len(texts), maxShown)] {
		shown = append(shown, fmt.Sprintf("%.60q", t))
	}
	if more := len(texts) - len(shown); more > 0 {
		shown = append(shown, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(shown, ", ")
}
