package pebblestore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"keytrail/storage"
)

// SetPullRequests takes over what was read of a repository's pull requests; see storage.Writer.
func (s *Store) SetPullRequests(ctx context.Context, id storage.RepositoryID, u storage.PullRequestUpdate) error {
	end, err := s.turn(ctx)
	if err != nil {
		return err
	}
	defer end()
	if _, err := readRecord(s.db, id); err != nil {
		return err
	}
	c := pullChange{ctx: ctx, store: s, id: id}
	if err := c.apply(u); err != nil {
		return fmt.Errorf("pull requests of repository %d: %w", id, err)
	}
	if c.out.ops == 1 { // the cursor alone
		err = s.db.Set(keyOfRepository(spacePullCursor, id), appendPullCursor(nil, c.cursor), pebble.NoSync)
	} else {
		err = c.out.commit(&s.tables)
	}
	if err != nil {
		return fmt.Errorf("write the pull requests of repository %d: %w", id, err)
	}
	return nil
}

// pullChange works one update of pull requests out.
type pullChange struct {
	ctx    context.Context
	store  *Store
	id     storage.RepositoryID
	count  int
	cursor storage.PullRequestCursor
	out    sink
}

func (c *pullChange) apply(u storage.PullRequestUpdate) error {
	cursor, err := readPullCursor(c.store.db, c.id)
	if err != nil {
		return err
	}
	c.count = cursor.Count
	given := make(map[string]bool, len(u.Changed))
	for _, p := range u.Changed {
		if given[p.ID] {
			return fmt.Errorf("%q is given twice in one update", p.ID)
		}
		given[p.ID] = true
		p.Repository, p.Created, p.Updated = c.id, p.Created.UTC(), p.Updated.UTC()
		if err := c.put(p); err != nil {
			return err
		}
	}
	gone := u.Gone
	if u.Reset {
		if gone, err = c.others(given); err != nil {
			return err
		}
	}
	for _, p := range gone {
		if given[p] {
			continue
		}
		given[p] = true
		if err := c.drop(p); err != nil {
			return err
		}
	}
	c.cursor = cursor.Apply(u, c.count)
	c.out.put(keyOfRepository(spacePullCursor, c.id), appendPullCursor(nil, c.cursor))
	return nil
}

// put writes a pull request unless it is there as it is.
func (c *pullChange) put(p storage.PullRequest) error {
	before, isHeld, err := c.held(p.ID)
	if err != nil || isHeld && before.Equal(p) {
		return err
	}
	if !isHeld {
		c.count++
	}
	moved := !isHeld || !before.Updated.Equal(p.Updated)
	for _, k := range before.Keys {
		if moved || !slices.Contains(p.Keys, k) {
			c.out.delete(keyPullOfIssue(k, before))
		}
	}
	for _, k := range p.Keys {
		if moved || !slices.Contains(before.Keys, k) {
			c.out.put(keyPullOfIssue(k, p), nil)
		}
	}
	c.out.put(keyPull(c.id, p.ID), appendPull(nil, p))
	return nil
}

// drop deletes a pull request if it is there.
func (c *pullChange) drop(id string) error {
	before, isHeld, err := c.held(id)
	if err != nil || !isHeld {
		return err
	}
	c.count--
	deletePull(&c.out, before)
	return nil
}

func deletePull(out *sink, p storage.PullRequest) {
	for _, k := range p.Keys {
		out.delete(keyPullOfIssue(k, p))
	}
	out.delete(keyPull(p.Repository, p.ID))
}

func (c *pullChange) held(id string) (p storage.PullRequest, isHeld bool, err error) {
	p, err = readPull(c.store.db, c.id, id)
	if errors.Is(err, pebble.ErrNotFound) {
		return storage.PullRequest{}, false, nil
	}
	return p, err == nil, err
}

// others gives the ids of the pull requests that are held and not given.
func (c *pullChange) others(given map[string]bool) (ids []string, err error) {
	prefix := keyOfRepository(spacePull, c.id)
	err = c.store.scan(c.ctx, prefix, func(k, _ []byte) (bool, error) {
		if id := string(k[len(prefix):]); !given[id] {
			ids = append(ids, id)
		}
		return true, nil
	})
	return ids, err
}

// forgetPulls deletes the pull requests of a repository.
func (c *change) forgetPulls(out *sink) error {
	err := c.store.scan(c.ctx, keyOfRepository(spacePull, c.rec.ID), func(k, v []byte) (bool, error) {
		p, err := decodePull(k, v)
		if err == nil {
			deletePull(out, p)
		}
		return err == nil, err
	})
	out.delete(keyOfRepository(spacePullCursor, c.rec.ID))
	return err
}

// PullRequests yields the pull requests that belong to a key; see storage.Reader.
func (s *Store) PullRequests(ctx context.Context, key storage.IssueKey) iter.Seq2[storage.PullRequest, error] {
	return rows(ctx, s, keyPullsOfIssue(key), pullOfIssue)
}

// pullOfIssue reads the pull request that a key of an issue names.
func pullOfIssue(v view, k, _ []byte) (storage.PullRequest, error) {
	id, name, err := readPullOfIssue(k)
	if err != nil {
		return storage.PullRequest{}, err
	}
	return v.pullNamed(id, name)
}

// readPullOfIssue decodes which pull request the key of an issue's names.
func readPullOfIssue(k []byte) (id storage.RepositoryID, name string, err error) {
	_, rest, err := readIssue(k[1:])
	if err != nil {
		return 0, "", err
	}
	if len(rest) < placeOfPull {
		return 0, "", fmt.Errorf("%w: the key of an issue's pull request is cut short", storage.ErrCorrupt)
	}
	return readRepository(rest[placeOfPull-4:]), string(rest[placeOfPull:]), nil
}

// pullNamed reads a pull request that an issue has.
func (v view) pullNamed(id storage.RepositoryID, name string) (storage.PullRequest, error) {
	p, err := readPull(v, id, name)
	if errors.Is(err, pebble.ErrNotFound) {
		err = fmt.Errorf("%w: pull request %q of repository %d is not there", storage.ErrCorrupt, name, id)
	}
	return p, err
}

// PullRequestsOf yields the pull requests of a repository, sorted by the host's id.
func (s *Store) PullRequestsOf(ctx context.Context, id storage.RepositoryID) iter.Seq2[storage.PullRequest, error] {
	return ofRepository(ctx, s, id, spacePull, func(_ view, k, value []byte) (storage.PullRequest, error) {
		return decodePull(k, value)
	})
}

// PullRequestCursor tells how far the pull requests of a repository have been read.
func (s *Store) PullRequestCursor(ctx context.Context, id storage.RepositoryID) (storage.PullRequestCursor, error) {
	v, done, err := s.view(ctx)
	if err != nil {
		return storage.PullRequestCursor{}, err
	}
	defer done()
	if _, err := readRecord(v, id); err != nil {
		return storage.PullRequestCursor{}, err
	}
	return readPullCursor(v, id)
}

// countPulls counts the pull requests of all repositories.
func (v view) countPulls() (n int64, err error) {
	prefix := []byte{spacePullCursor}
	err = scanRange(v.ctx, v, prefix, after(prefix), func(_, value []byte) (bool, error) {
		c, err := decodePullCursor(value)
		n += int64(c.Count)
		return err == nil, err
	})
	return n, err
}

// readPull reads one pull request; pebble.ErrNotFound when it is not there.
func readPull(r pebble.Reader, id storage.RepositoryID, name string) (storage.PullRequest, error) {
	k := keyPull(id, name)
	v, err := get(r, k)
	if errors.Is(err, pebble.ErrNotFound) {
		return storage.PullRequest{}, err
	}
	if err != nil {
		return storage.PullRequest{}, fmt.Errorf("read a pull request: %w", err)
	}
	return decodePull(k, v)
}

// readPullCursor reads the cursor of a repository; zero when there is none.
func readPullCursor(r pebble.Reader, id storage.RepositoryID) (storage.PullRequestCursor, error) {
	v, err := get(r, keyOfRepository(spacePullCursor, id))
	if errors.Is(err, pebble.ErrNotFound) {
		return storage.PullRequestCursor{}, nil
	}
	if err != nil {
		return storage.PullRequestCursor{}, fmt.Errorf("read a cursor of pull requests: %w", err)
	}
	return decodePullCursor(v)
}

func decodePullCursor(v []byte) (storage.PullRequestCursor, error) {
	d := decoder{b: v}
	c := storage.PullRequestCursor{Rules: d.string(), Count: int(d.uint())}
	c.SeenAt, c.WholeAt, c.Newest = d.time(), d.time(), d.time()
	return c, d.done("cursor of pull requests")
}

func appendPullCursor(b []byte, c storage.PullRequestCursor) []byte {
	b = binary.AppendUvarint(appendString(b, c.Rules), uint64(c.Count))
	return appendTime(appendTime(appendTime(b, c.SeenAt), c.WholeAt), c.Newest)
}

// appendPull writes what the key of a pull request does not tell.
func appendPull(b []byte, p storage.PullRequest) []byte {
	b = appendInt(b, p.Number)
	b = appendTime(appendTime(b, p.Created), p.Updated)
	for _, s := range []string{p.Title, p.Source, p.Target, string(p.State), p.Author, p.WebURL, p.Description} {
		b = appendString(b, s)
	}
	return appendKeys(b, p.Keys)
}

// decodePull reads key and value of a pull request.
func decodePull(k, v []byte) (storage.PullRequest, error) {
	d := decoder{b: v}
	p := storage.PullRequest{Repository: readRepository(k[1:]), ID: string(k[headOfRepository:])}
	p.Number = d.int()
	p.Created, p.Updated = d.time(), d.time()
	for _, s := range []*string{&p.Title, &p.Source, &p.Target, (*string)(&p.State), &p.Author, &p.WebURL, &p.Description} {
		*s = d.string()
	}
	p.Keys = d.keys()
	return p, d.done("pull request")
}

func appendTime(b []byte, t time.Time) []byte {
	return appendInt(appendInt(b, t.Unix()), int64(t.Nanosecond()))
}

func (d *decoder) time() time.Time { return time.Unix(d.int(), d.int()).UTC() }
