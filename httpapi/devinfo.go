package httpapi

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"keytrail/storage"
)

// devInfo are the routes that answer in the words of Jira's development information.
func (s *Server) devInfo() []route {
	return []route{{pattern: "GET /api/v1/export/devinfo", dated: true, serve: s.exportDevInfo}}
}

// exportDevInfo answers a body for Jira: of one issue, or without one of what the change feed tells next.
func (s *Server) exportDevInfo(w *response, r *http.Request) error {
	p, err := queryOf(r, "issue", "cursor", "files", "wait")
	if err != nil {
		return err
	}
	withFiles, err := p.files()
	if err != nil {
		return err
	}
	if p.text("issue") == "" {
		return s.devInfoFeed(w, r, p, withFiles)
	}
	if p.text("wait") != "" {
		return problemf(badParameter, "wait is for the change feed: leave out issue, or wait")
	}
	key, err := s.key(r.Context(), p.text("issue"))
	if err != nil {
		return err
	}
	question := questionOf("devinfo", string(key))
	at := devInfoPlace{kind: devInfoCommits}
	if cursor := p.text("cursor"); cursor != "" {
		place, err := question.place(cursor)
		if err != nil {
			return err
		}
		if at, err = devInfoPlaceOf(place); err != nil {
			return err
		}
	}
	b, err := s.devInfoOfIssue(r.Context(), key, at, withFiles)
	if err != nil {
		return err
	}
	if b.next != nil {
		b.body.Next = question.cursor(b.next.bytes())
	}
	s.answer(w, r, b.body)
	return nil
}

// The kinds of what an issue has, in the order in which they are told.
const (
	devInfoCommits  = 'c'
	devInfoBranches = 'b'
	devInfoPulls    = 'p'
)

// devInfoPlace is a place among what an issue has: behind a commit, or behind a branch or pull request of a repository. Without one
// it is before the first of its kind.
type devInfoPlace struct {
	kind       byte
	commit     *storage.Position
	repository storage.RepositoryID
	name       string // of a branch; the host's id of a pull request
}

// before reports whether a branch or pull request was told before the place.
func (p devInfoPlace) before(id storage.RepositoryID, name string) bool {
	return cmp.Or(cmp.Compare(id, p.repository), cmp.Compare(name, p.name)) <= 0
}

func (p devInfoPlace) bytes() []byte {
	b := []byte{p.kind}
	if p.kind == devInfoCommits {
		return append(b, placeOf(*p.commit)...)
	}
	return append(binary.BigEndian.AppendUint32(b, uint32(p.repository)), p.name...)
}

// devInfoPlaceOf is the inverse of bytes.
func devInfoPlaceOf(b []byte) (devInfoPlace, error) {
	if len(b) < 5 || !bytes.ContainsRune([]byte{devInfoCommits, devInfoBranches, devInfoPulls}, rune(b[0])) {
		return devInfoPlace{}, malformedCursor()
	}
	if b[0] == devInfoCommits {
		at, err := position(b[1:])
		return devInfoPlace{kind: devInfoCommits, commit: &at}, err
	}
	return devInfoPlace{kind: b[0], repository: storage.RepositoryID(binary.BigEndian.Uint32(b[1:])), name: string(b[5:])}, nil
}

// devInfoOfIssue fills a body with what an issue has behind a place. All of it is the past.
func (s *Server) devInfoOfIssue(ctx context.Context, key storage.IssueKey, at devInfoPlace, withFiles bool) (*devInfoBuilder, error) {
	// What is read after the sequence is at least as new: what the feed tells later goes before it.
	sequence, err := s.feedSequence(ctx)
	if err != nil {
		return nil, err
	}
	b := s.newDevInfo(ctx, sequence, withFiles)
	b.body.PreventTransitions = true
	if at.kind == devInfoCommits {
		if err := b.addCommits(ctx, key, at.commit); err != nil {
			return nil, err
		}
		at = devInfoPlace{kind: devInfoBranches}
	}
	if at.kind == devInfoBranches && b.next == nil {
		if err := b.addBranches(ctx, key, at); err != nil {
			return nil, err
		}
		at = devInfoPlace{kind: devInfoPulls}
	}
	if b.next == nil {
		if err := b.addPulls(ctx, key, at); err != nil {
			return nil, err
		}
	}
	return b, b.complete(ctx)
}

// feedSequence gives the sequence of the last change that the feed has told: who begins to follow from nothing is told of that.
func (s *Server) feedSequence(ctx context.Context) (uint64, error) {
	page, err := s.options.Store.Changes(ctx, "", 1)
	if err != nil || len(page.Changes) == 0 {
		return 0, err
	}
	return page.Changes[0].Sequence, nil
}

// devInfoFeed answers what the change feed tells behind a cursor, as things stand now.
func (s *Server) devInfoFeed(w *response, r *http.Request, p params, withFiles bool) error {
	question := questionOf("devinfo feed", accessOf(r.Context()).bounds())
	wait, err := p.wait()
	if err != nil {
		return err
	}
	var after storage.FeedCursor
	if cursor := p.text("cursor"); cursor != "" {
		place, err := question.place(cursor)
		if err != nil {
			return err
		}
		after = storage.FeedCursor(place)
	}
	if _, err := s.await(r.Context(), after, wait); err != nil {
		return err
	}
	b, next, err := s.devInfoSince(r.Context(), after, withFiles)
	if err != nil {
		return err
	}
	b.body.Next = question.cursor([]byte(next))
	setFields(w.Header(), "Cache-Control", "no-store")
	writeBody(w, http.StatusOK, "application/json", encode(b.body))
	return nil
}

// maxDevInfoChanges is how many changes of the feed one body tells at most: so few that branches and pull requests have room too.
const maxDevInfoChanges = 200

// devInfoSince fills a body with what changed behind a place of the feed, and gives the place behind it. A body tells of the past, or
// of what is new, not of both.
func (s *Server) devInfoSince(ctx context.Context, after storage.FeedCursor, withFiles bool) (*devInfoBuilder, storage.FeedCursor, error) {
	limit := maxDevInfoChanges
	if withFiles {
		limit = maxPageFiles
	}
	for {
		page, err := s.options.Store.Changes(ctx, after, limit)
		if err != nil {
			return nil, "", fmt.Errorf("changes: %w", err)
		}
		if n := alike(page.Changes); n < len(page.Changes) {
			limit = n
			continue
		}
		var sequence uint64
		for _, c := range page.Changes {
			sequence = max(sequence, c.Sequence)
		}
		b := s.newDevInfo(ctx, sequence, withFiles)
		b.body.PreventTransitions = len(page.Changes) > 0 && page.Changes[0].Initial
		if err := b.addChanges(ctx, page.Changes); err != nil {
			return nil, "", err
		}
		if b.lacksCommits {
			limit = len(page.Changes) / 2 // one change fits in
			continue
		}
		return b, page.Next, b.complete(ctx)
	}
}

// alike gives how many of the first changes are of one kind: of the past, or new.
func alike(changes []storage.PostingChange) int {
	n := slices.IndexFunc(changes, func(c storage.PostingChange) bool { return c.Initial != changes[0].Initial })
	if n < 0 {
		return len(changes)
	}
	return n
}

// addChanges adds the commits whose postings changed, as they are now; what has no key any more is to be deleted. With them go the
// branches and pull requests of their issues that fit in: the feed is not of these, which change without it.
func (b *devInfoBuilder) addChanges(ctx context.Context, changes []storage.PostingChange) error {
	type held struct {
		id  storage.RepositoryID
		oid storage.OID
	}
	last, order := map[held]uint64{}, []held{}
	keys := map[storage.IssueKey]bool{}
	for _, c := range changes {
		if !b.who.has(c.Key) {
			continue
		}
		at := held{c.Repository, c.OID}
		if _, isKnown := last[at]; !isKnown {
			order = append(order, at)
		}
		last[at] = max(last[at], c.Sequence)
		keys[c.Key] = true
	}
	forgotten := map[storage.RepositoryID]bool{}
	for _, at := range order {
		if err := b.addChanged(ctx, at.id, at.oid, last[at], forgotten); err != nil {
			return err
		}
	}
	if b.lacksCommits {
		return nil
	}
	for _, key := range slices.SortedFunc(maps.Keys(keys), storage.IssueKey.Compare) {
		if err := b.addBranches(ctx, key, devInfoPlace{kind: devInfoBranches}); err != nil {
			return err
		}
		if err := b.addPulls(ctx, key, devInfoPlace{kind: devInfoPulls}); err != nil {
			return err
		}
	}
	return nil
}

// addChanged adds one commit as a repository holds it now, or its deletion, or that of a repository that was forgotten.
func (b *devInfoBuilder) addChanged(ctx context.Context, id storage.RepositoryID, oid storage.OID, sequence uint64, forgotten map[storage.RepositoryID]bool) error {
	r, err := b.server.options.Store.Repository(ctx, id)
	if errors.Is(err, storage.ErrNotFound) {
		if !forgotten[id] {
			forgotten[id] = true
			b.body.Deletions = append(b.body.Deletions, devInfoDeletion(id, storage.OID{}, b.sequence))
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("repository %d: %w", id, err)
	}
	if b.who.repository(r) != nil {
		return nil
	}
	hit, err := b.server.options.Store.Commit(ctx, id, oid)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("commit %s of repository %d: %w", oid, id, err)
	}
	if hit.Keys = b.who.keys(hit.Keys); err != nil || len(hit.Keys) == 0 {
		b.body.Deletions = append(b.body.Deletions, devInfoDeletion(id, oid, sequence))
		return nil
	}
	b.addCommit(b.server.options.show(r), hit, sequence)
	return nil
}
