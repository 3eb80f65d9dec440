package pebblestore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"keytrail/storage"
)

// Smart-commit commands are rows by their number, in the order in which they were taken up. Their ids and issues lead to
// the numbers, and those that are not finished are listed, so that nobody reads through all that were ever done.

var keySearched = keyMeta("searched for commands")

func keyCommand(number uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{spaceCommand}, number)
}

func keyUnfinished(number uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{spaceUnfinished}, number)
}

// keyCommandsOf is the prefix of the commands of a commit.
func keyCommandsOf(oid storage.OID) []byte {
	return append(append(make([]byte, 0, 32), spaceCommandID), oid[:]...)
}

func keyCommandID(id storage.CommandID) []byte {
	return binary.BigEndian.AppendUint32(keyCommandsOf(id.OID), uint32(id.Index))
}

// keyCommandsAbout is the prefix of the commands about an issue.
func keyCommandsAbout(key storage.IssueKey) []byte {
	return appendIssue(append(make([]byte, 0, 64), spaceCommandKey), key)
}

func keyCommandKey(key storage.IssueKey, number uint64) []byte {
	return binary.BigEndian.AppendUint64(keyCommandsAbout(key), number)
}

// isUnfinished tells of the states in which there is something left to do.
func isUnfinished(state storage.CommandState) bool {
	return state == storage.CommandWaiting || state == storage.CommandTrying
}

func appendCommand(b []byte, c storage.Command) []byte {
	b = binary.AppendUvarint(append(b, c.OID[:]...), uint64(c.Index))
	b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(c.Repository)), uint64(c.Attempts))
	for _, s := range []string{string(c.Key), c.Name, c.Text, string(c.State), c.Outcome} {
		b = appendString(b, s)
	}
	return appendTime(appendTime(appendTime(b, c.FoundAt), c.TriedAt), c.DueAt)
}

func decodeCommand(v []byte) (c storage.Command, err error) {
	d := decoder{b: v}
	c.OID, c.Index = d.oid(), int(d.uint())
	c.Repository, c.Attempts = storage.RepositoryID(d.uint()), int(d.uint())
	for _, s := range []*string{(*string)(&c.Key), &c.Name, &c.Text, (*string)(&c.State), &c.Outcome} {
		*s = d.string()
	}
	c.FoundAt, c.TriedAt, c.DueAt = d.time(), d.time(), d.time()
	return c, d.done("command")
}

// readCommandNumber gives the number of a command; 0 when it was not taken up.
func readCommandNumber(r pebble.Reader, id storage.CommandID) (uint64, error) {
	v, err := get(r, keyCommandID(id))
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look command %d of commit %s up: %w", id.Index, id.OID, err)
	}
	return decodeUint(v, "command's number")
}

// TakeCommands keeps commands that are not known yet; see storage.Writer.
func (s *Store) TakeCommands(ctx context.Context, found []storage.Command, searched storage.FeedCursor) error {
	end, err := s.turn(ctx)
	if err != nil {
		return err
	}
	defer end()
	var out sink
	next := s.counters
	taken := make(map[storage.CommandID]bool, len(found))
	for _, c := range found {
		number, err := readCommandNumber(s.db, c.CommandID)
		if err != nil {
			return err
		}
		if number != 0 || taken[c.CommandID] {
			continue
		}
		taken[c.CommandID] = true
		next.commands++
		out.put(keyCommand(next.commands), appendCommand(nil, c))
		out.put(keyCommandID(c.CommandID), binary.AppendUvarint(nil, next.commands))
		out.put(keyCommandKey(c.Key, next.commands), nil)
		if isUnfinished(c.State) {
			out.put(keyUnfinished(next.commands), nil)
		}
	}
	if next != s.counters {
		next.write(&out)
	}
	out.put(keySearched, []byte(searched))
	if err := out.commit(&s.tables); err != nil {
		return fmt.Errorf("take commands up: %w", err)
	}
	s.counters = next
	return nil
}

// SetCommand replaces a command; see storage.Writer.
func (s *Store) SetCommand(ctx context.Context, c storage.Command) error {
	end, err := s.turn(ctx)
	if err != nil {
		return err
	}
	defer end()
	number, err := readCommandNumber(s.db, c.CommandID)
	if err != nil {
		return err
	}
	if number == 0 {
		return fmt.Errorf("command %d of commit %s: %w", c.Index, c.OID, storage.ErrNotFound)
	}
	before, err := readCommand(s.db, number)
	if err != nil {
		return err
	}
	var out sink
	out.put(keyCommand(number), appendCommand(nil, c))
	if before.Key != c.Key {
		out.delete(keyCommandKey(before.Key, number))
		out.put(keyCommandKey(c.Key, number), nil)
	}
	if isUnfinished(c.State) {
		out.put(keyUnfinished(number), nil)
	} else {
		out.delete(keyUnfinished(number))
	}
	if err := out.commit(&s.tables); err != nil {
		return fmt.Errorf("write command %d of commit %s: %w", c.Index, c.OID, err)
	}
	return nil
}

// Commands yields commands in the order in which they were taken up; see storage.Reader.
func (s *Store) Commands(ctx context.Context, q storage.CommandQuery) iter.Seq2[storage.Command, error] {
	return viewed(ctx, s, func(v view, yield func(storage.Command, error) bool) error { return v.commands(q, yield) })
}

// commands yields what a query asks for; the error is one that was not yielded.
func (v view) commands(q storage.CommandQuery, yield func(storage.Command, error) bool) error {
	isStopped := false
	give := func(c storage.Command, err error) (bool, error) {
		if err != nil {
			return false, err
		}
		if q.Key != "" && q.Key != c.Key || q.State != "" && q.State != c.State || !q.OID.IsZero() && q.OID != c.OID {
			return true, nil
		}
		isStopped = !yield(c, nil)
		return !isStopped, nil
	}
	var err error
	switch {
	case !q.OID.IsZero():
		err = v.commandsOf(q.OID, give)
	case q.Key != "":
		err = v.commandsListed(keyCommandsAbout(q.Key), give)
	case isUnfinished(q.State):
		err = v.commandsListed([]byte{spaceUnfinished}, give)
	default:
		prefix := []byte{spaceCommand}
		err = scanRange(v.ctx, v, prefix, after(prefix), func(_, value []byte) (bool, error) { return give(decodeCommand(value)) })
	}
	if isStopped {
		return nil
	}
	return err
}

// commandsOf gives the commands of a commit in the order of their numbers.
func (v view) commandsOf(oid storage.OID, give func(storage.Command, error) (bool, error)) error {
	var numbers []uint64
	prefix := keyCommandsOf(oid)
	err := scanRange(v.ctx, v, prefix, after(prefix), func(_, value []byte) (bool, error) {
		n, err := decodeUint(value, "command's number")
		numbers = append(numbers, n)
		return err == nil, err
	})
	if err != nil {
		return err
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		if more, err := give(readCommand(v, n)); err != nil || !more {
			return err
		}
	}
	return nil
}

// commandsListed gives the commands whose numbers are what keys have behind a prefix.
func (v view) commandsListed(prefix []byte, give func(storage.Command, error) (bool, error)) error {
	return scanRange(v.ctx, v, prefix, after(prefix), func(k, _ []byte) (bool, error) {
		if len(k) != len(prefix)+8 {
			return false, fmt.Errorf("%w: the key of a listed command has %d bytes", storage.ErrCorrupt, len(k))
		}
		return give(readCommand(v, binary.BigEndian.Uint64(k[len(prefix):])))
	})
}

// readCommand reads a command that was taken up.
func readCommand(r pebble.Reader, number uint64) (storage.Command, error) {
	value, err := get(r, keyCommand(number))
	if errors.Is(err, pebble.ErrNotFound) {
		return storage.Command{}, fmt.Errorf("%w: command %d is not there", storage.ErrCorrupt, number)
	}
	if err != nil {
		return storage.Command{}, fmt.Errorf("read command %d: %w", number, err)
	}
	return decodeCommand(value)
}

// CommandCursor tells up to where the feed was searched; see storage.Reader.
func (s *Store) CommandCursor(ctx context.Context) (storage.FeedCursor, error) {
	v, done, err := s.view(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	cursor, err := get(v, keySearched)
	if err != nil && !errors.Is(err, pebble.ErrNotFound) {
		return "", fmt.Errorf("read how far the feed was searched: %w", err)
	}
	return storage.FeedCursor(cursor), nil
}
