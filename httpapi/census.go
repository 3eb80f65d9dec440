package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"keytrail/storage"
)

// census keeps what access and the age of answers need to know of every repository, so that not each request reads them all.
type census struct {
	store storage.Reader
	now   func() time.Time
	turn  chan struct{} // held by who reads
	last  atomic.Pointer[roll]
}

// censusAge is how old what is known of the repositories may be.
const censusAge = time.Second

func newCensus(store storage.Reader, now func() time.Time) *census {
	return &census{store: store, now: now, turn: make(chan struct{}, 1)}
}

// read gives the repositories as they were a second ago at most.
func (c *census) read(ctx context.Context) (*roll, error) {
	if last := c.fresh(); last != nil {
		return last, nil
	}
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-c.turn }()
	if last := c.fresh(); last != nil { // read by another meanwhile
		return last, nil
	}
	made := &roll{at: c.now()}
	for r, err := range c.store.Repositories(ctx) {
		if err != nil {
			return nil, fmt.Errorf("repositories: %w", err)
		}
		made.entries = append(made.entries, entry{id: r.ID, integration: r.Integration, isLive: r.RetiredAt.IsZero(), seen: r.SeenAt})
	}
	_, made.asOf = made.within(func(string) bool { return true })
	c.last.Store(made)
	return made, nil
}

func (c *census) fresh() *roll {
	last := c.last.Load()
	if last == nil {
		return nil
	}
	if age := c.now().Sub(last.at); age < 0 || age >= censusAge {
		return nil
	}
	return last
}

// roll is a list of the repositories. It is not changed.
type roll struct {
	at      time.Time
	entries []entry // in order of their ids
	asOf    string  // the instant that answers from all of them are true for, as RFC 3339; empty when there is none
}

// entry is one repository of a roll.
type entry struct {
	id          storage.RepositoryID
	integration string
	isLive      bool      // it is not retired
	seen        time.Time // last successful look
}

// within gives the repositories of some integrations, and the instant that answers from them are true for: the oldest last success
// among those that are looked at and were ever indexed. It is empty when there is none.
func (l *roll) within(integration func(string) bool) (scope storage.Scope, asOf string) {
	scope = storage.Scope{}
	var oldest time.Time
	for _, e := range l.entries {
		if !integration(e.integration) {
			continue
		}
		scope = append(scope, e.id)
		if e.isLive && !e.seen.IsZero() && (oldest.IsZero() || e.seen.Before(oldest)) {
			oldest = e.seen
		}
	}
	if oldest.IsZero() {
		return scope, ""
	}
	return scope, oldest.UTC().Format(time.RFC3339Nano)
}

// asOfField is the header field that tells the instant for which an answer is true.
const asOfField = "Keytrail-As-Of"

// date writes into the header of an answer the instant that it is true for. It is found out before the answer is, so that the
// answer may be newer, and never older.
func (s *Server) date(h http.Header, r *http.Request) error {
	asOf := ""
	if a := accessOf(r.Context()); a != nil {
		v, err := a.view(r.Context())
		if err != nil {
			return err
		}
		asOf = v.asOf
	} else {
		now, err := s.census.read(r.Context())
		if err != nil {
			return err
		}
		asOf = now.asOf
	}
	if asOf != "" {
		setFields(h, asOfField, asOf)
	}
	return nil
}
