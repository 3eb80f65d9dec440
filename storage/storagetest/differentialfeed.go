package storagetest

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"keytrail/storage"
)

// associate decides about some commits.
func (m *machine) associate(t *rapid.T) {
	m.draw(t)
	decided := m.world.StepAssociations()
	both(t, m, "associate", func(s storage.Store) (storage.Associated, error) { return s.Associate(m.ctx, decided) })
}

// follow has one follower of each index read some pages.
func (m *machine) follow(t *rapid.T) {
	which := rapid.IntRange(0, len(m.followers[0])-1).Draw(t, "follower")
	limit := rapid.SampledFrom([]int{1, 2, 3, 7, 100}).Draw(t, "limit")
	for range rapid.IntRange(1, 4).Draw(t, "pages") {
		m.eachIndex(t, func(i int, s storage.Store) error { return m.followers[i][which].Read(m.ctx, s, limit) })
	}
}

// trim forgets the feed up to now or to an instant that has been.
func (m *machine) trim(t *rapid.T) {
	m.instants = append(m.instants, time.Now())
	before := rapid.SampledFrom(m.instants).Draw(t, "instant")
	m.eachIndex(t, func(i int, s storage.Store) error {
		for j := range m.followers[i] {
			m.followers[i][j].MayBeGone = true
		}
		return s.TrimFeed(m.ctx, before)
	})
}

// catchUp has all followers, and one that begins late, read to the end.
func (m *machine) catchUp(t *rapid.T) {
	m.eachIndex(t, func(i int, s storage.Store) error {
		for j := range m.followers[i] {
			if err := m.followers[i][j].CatchUp(m.ctx, s, 5); err != nil {
				return fmt.Errorf("follower %d: %w", j, err)
			}
		}
		return (&Follower{}).CatchUp(m.ctx, s, 4)
	})
}

// eachIndex does something with the model and with the index under test.
func (m *machine) eachIndex(t *rapid.T, do func(i int, s storage.Store) error) {
	t.Helper()
	for i, s := range []storage.Store{m.world.Model, m.store} {
		if err := do(i, s); err != nil {
			t.Fatalf("%s: %v", []string{"model", "index"}[i], err)
		}
	}
}

// commands takes some commands up and moves one of them.
func (m *machine) commands(t *rapid.T) {
	m.draw(t)
	found := m.world.stepCommands()
	cursor := storage.FeedCursor(m.world.fresh())
	both(t, m, "take commands", func(s storage.Store) (any, error) { return nil, s.TakeCommands(m.ctx, found, cursor) })
	taken := rows(m.world.Model.Commands(m.ctx, storage.CommandQuery{}))
	if len(taken) == 0 {
		return
	}
	c := pick(m.world, taken)
	c.State, c.Outcome, c.Key = m.world.commandState(), m.world.fresh(), pick(m.world, issueKeys())
	c.Attempts++
	both(t, m, "set command", func(s storage.Store) (any, error) { return nil, s.SetCommand(m.ctx, c) })
	for _, q := range []storage.CommandQuery{{State: c.State}, {OID: c.OID}, {Key: c.Key}, {Key: c.Key, OID: c.OID, State: storage.CommandWaiting}} {
		both(t, m, "commands", func(s storage.Store) ([]storage.Command, error) { return collect(s.Commands(m.ctx, q)) })
	}
}
