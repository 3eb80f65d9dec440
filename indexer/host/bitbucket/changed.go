package bitbucket

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hostapi"
)

// recentPage is how many pull requests to ask for of a page when few can have changed.
const recentPage = 50

// PullRequests gives all pull requests, or those that changed since a time.
//
// The API has no search by time, and its documentation does not say whether its usual order, NEWEST, is that of creation or of the last
// change (class PullRequestOrder in https://docs.atlassian.com/bitbucket-server/javadoc/7.17.0/api/). By either, what was made since is
// before the first page without a change since, where reading stops. What is older can have changed only if it was open at the last
// reading, or is now: a closed one changes by being opened again. So all that is open is read, and each by itself that was open and
// is not any more. Where the last reading is not remembered, as after a start, all pages are read.
func (h *Host) PullRequests(ctx context.Context, r host.Repository, since time.Time) ([]host.PullRequest, error) {
	list := list{h: h, api: h.api.InBackground(), repository: r, found: map[int64]pullRequest{}}
	watched, isKnown := h.remembered(r)
	var err error
	if isKnown && !since.IsZero() {
		err = list.readChanged(ctx, since, watched)
	} else {
		_, err = list.read(ctx, "ALL", maxPage, time.Time{})
	}
	if err != nil {
		return nil, err
	}
	h.remember(r, list.found, since)
	var all []host.PullRequest
	for _, p := range list.found {
		if !p.updated().Before(since) {
			all = append(all, p.read())
		}
	}
	slices.SortFunc(all, func(a, b host.PullRequest) int {
		return cmp.Or(b.Updated.Compare(a.Updated), cmp.Compare(b.Number, a.Number))
	})
	return all, nil
}

// remembered gives what to look for in a repository, if it was read before.
func (h *Host) remembered(r host.Repository) (watched map[int64]bool, isKnown bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	watched, isKnown = h.watched[r.ID]
	return maps.Clone(watched), isKnown
}

// remember keeps what may have changed when the repository is read again: what is open, and what changed since the time that was asked
// for, which is asked for again where the answer was not kept.
func (h *Host) remember(r host.Repository, found map[int64]pullRequest, since time.Time) {
	watched := map[int64]bool{}
	for id, p := range found {
		if p.State == isOpen || !since.IsZero() && !p.updated().Before(since) {
			watched[id] = true
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watched[r.ID] = watched
}

// list collects pull requests of a repository by their numbers.
type list struct {
	h          *Host
	api        *hostapi.Client
	repository host.Repository
	found      map[int64]pullRequest
}

// readChanged collects at least what changed since a time, of a repository in which nothing else was open at the last reading than what
// is watched.
func (l *list) readChanged(ctx context.Context, since time.Time, watched map[int64]bool) error {
	isWhole, err := l.read(ctx, "ALL", recentPage, since)
	if err != nil || isWhole {
		return err
	}
	for id, p := range l.found {
		// One that is closed before the next list is read is not on that.
		watched[id] = p.State == isOpen
	}
	recent := l.found
	l.found = map[int64]pullRequest{}
	if _, err := l.read(ctx, isOpen, maxPage, time.Time{}); err != nil {
		return err
	}
	open := l.found
	l.found = recent
	maps.Copy(l.found, open)
	for id, isWatched := range watched {
		if _, stillOpen := open[id]; isWatched && !stillOpen {
			if err := l.readOne(ctx, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// read collects the pages of a state to the first on which nothing changed since a time, and tells whether that was all of them.
func (l *list) read(ctx context.Context, state string, size int, since time.Time) (isWhole bool, err error) {
	path := withPageSize(l.h.config, pullsPath(l.repository)+"?state="+state+"&withAttributes=false&withProperties=false", size)
	for page, err := range l.api.Pages(ctx, path, nextStart(path)) {
		if err != nil {
			return false, err
		}
		var some struct {
			Values []pullRequest `json:"values"`
			IsLast bool          `json:"isLastPage"`
		}
		if err := page.Decode(&some); err != nil {
			return false, err
		}
		hasChange := since.IsZero()
		for _, p := range some.Values {
			l.found[p.ID] = p
			hasChange = hasChange || !p.updated().Before(since)
		}
		if !hasChange && !some.IsLast {
			return false, nil
		}
	}
	return true, nil
}

// readOne collects one, unless it was deleted.
func (l *list) readOne(ctx context.Context, id int64) error {
	delete(l.found, id)
	p, err := hostapi.Ask[pullRequest](ctx, l.api, hostapi.Request{Ref: pullsPath(l.repository) + "/" + strconv.FormatInt(id, 10)})
	switch {
	case errors.Is(err, host.ErrGone):
		return nil
	case err != nil:
		return err
	case p.ID != id:
		return host.Problem(host.ErrAnswer, "an answer is not the pull request that the host documents: look at the host")
	}
	l.found[id] = p
	return nil
}
