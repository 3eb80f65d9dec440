package webhook

import (
	"strings"
	"time"

	"keytrail/indexer/host"
)

// strangerFor is how long a repository that is not known stays noted, so that not each of its pushes asks for a discovery: most of
// them are not wanted by the integration's filter.
const strangerFor = time.Hour

// stranger is a repository that deliveries name and that the index did not know.
type stranger struct {
	subject   subject
	kind      host.EventKind // of the last delivery
	announced time.Time
	until     time.Time
}

// await notes a stranger, to be looked at when it is known, and tells whether a discovery is called for: a host that says that
// something is new or is called otherwise knows better than the last discovery.
func (t *tasks) await(s subject, kind host.EventKind, at time.Time) (isNew bool) {
	key := s.id + "\n" + strings.Join(s.places, "\n")
	known, isKnown := t.strangers[key]
	isNew = !isKnown || !known.until.After(at) || kind == host.EventCreated || kind == host.EventRenamed
	until := known.until
	if isNew {
		until = at.Add(strangerFor)
	}
	for other := range t.strangers {
		if isKnown || len(t.strangers) < maxStrangers {
			break
		}
		delete(t.strangers, other)
	}
	t.strangers[key] = stranger{s, kind, at, until}
	return isNew
}

// discovered has those of an integration's strangers looked at that are known by now.
func (q *queue) discovered(integration string, now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	a := q.byName[integration]
	if a == nil || len(a.strangers) == 0 {
		return
	}
	known := q.names(integration)
	for key, s := range a.strangers {
		ids, isSure := known.find(s.subject)
		if isSure {
			for _, id := range ids {
				q.ask(a, id, s.kind, s.announced)
			}
		}
		if isSure || !s.until.After(now) {
			delete(a.strangers, key)
		}
	}
	q.alert()
}
