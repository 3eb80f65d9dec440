package daemon

import "sync"

// defaultBranches are what a host tells of its repositories' default branches, which the index knows only once it has fetched them.
// They are for use by many goroutines.
type defaultBranches struct {
	mu   sync.Mutex
	byID map[string]string // the host's id of a repository: short name
}

// note takes what a discovery found; empty is not told.
func (d *defaultBranches) note(id, branch string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.byID == nil {
		d.byID = map[string]string{}
	}
	d.byID[id] = branch
}

// of gives the default branch of a repository; empty when it is not known.
func (d *defaultBranches) of(id string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.byID[id]
}
