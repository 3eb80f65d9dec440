package memstore

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"keytrail/storage"
)

// TakeCommands keeps commands that are not known yet; see storage.Writer.
func (s *Store) TakeCommands(ctx context.Context, found []storage.Command, searched storage.FeedCursor) error {
	return s.change(ctx, func(next *state) error {
		next.searched = searched
		next.commands = slices.Clone(next.commands)
		for _, c := range found {
			if next.command(c.CommandID) < 0 {
				next.commands = append(next.commands, inUTC(c))
			}
		}
		return nil
	})
}

// SetCommand replaces a command; see storage.Writer.
func (s *Store) SetCommand(ctx context.Context, c storage.Command) error {
	return s.change(ctx, func(next *state) error {
		at := next.command(c.CommandID)
		if at < 0 {
			return fmt.Errorf("command %d of commit %s: %w", c.Index, c.OID, storage.ErrNotFound)
		}
		next.commands = slices.Clone(next.commands)
		next.commands[at] = inUTC(c)
		return nil
	})
}

func (st *state) command(id storage.CommandID) int {
	return slices.IndexFunc(st.commands, func(c storage.Command) bool { return c.CommandID == id })
}

func inUTC(c storage.Command) storage.Command {
	c.FoundAt, c.TriedAt, c.DueAt = c.FoundAt.UTC(), c.TriedAt.UTC(), c.DueAt.UTC()
	return c
}

// Commands yields commands in the order in which they were taken up; see storage.Reader.
func (s *Store) Commands(ctx context.Context, q storage.CommandQuery) iter.Seq2[storage.Command, error] {
	return rows(ctx, s, func(st *state) ([]storage.Command, error) {
		var found []storage.Command
		for _, c := range st.commands {
			if (q.Key == "" || q.Key == c.Key) && (q.OID.IsZero() || q.OID == c.OID) && (q.State == "" || q.State == c.State) {
				found = append(found, c)
			}
		}
		return found, nil
	})
}

// CommandCursor tells up to where the feed was searched; see storage.Reader.
func (s *Store) CommandCursor(ctx context.Context) (storage.FeedCursor, error) {
	st, err := s.read(ctx)
	if err != nil {
		return "", err
	}
	return st.searched, nil
}
