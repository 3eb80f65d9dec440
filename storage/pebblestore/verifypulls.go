package pebblestore

// pulls counts the pull requests of a repository and looks each up by the issues that it belongs to.
func (c *verification) pulls(rec *record) error {
	cursor, err := readPullCursor(c, rec.ID)
	if err != nil {
		return err
	}
	count := 0
	prefix := keyOfRepository(spacePull, rec.ID)
	err = scanRange(c.ctx, c, prefix, after(prefix), func(k, value []byte) (bool, error) {
		p, err := decodePull(k, value)
		if err != nil {
			return false, err
		}
		count++
		for _, key := range p.Keys {
			c.pullLinks++
			if err := c.expect(rec.ID, keyPullOfIssue(key, p), "pull request %q under key %s", p.ID, key); err != nil {
				return false, err
			}
		}
		return true, nil
	})
	if err == nil && count != cursor.Count {
		c.problem(rec.ID, "it counts %d pull requests and has %d", cursor.Count, count)
	}
	return err
}

// pullsOfIssues reports links to pull requests that no pull request accounts for.
func (c *verification) pullsOfIssues() error {
	links, err := c.count(spacePullOfIssue)
	if err == nil && links != c.pullLinks {
		c.problem(0, "there are %d keys of pull requests, the repositories account for %d", links, c.pullLinks)
	}
	return err
}
